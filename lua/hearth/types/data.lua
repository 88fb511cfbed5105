---@meta
-- Editor annotations of fetch, queries, mutations, alerts and animations; docs/data.md and docs/animation.md say what they mean.

---@class hearth
local hearth = {}

---@param url string
---@param options? hearth.FetchOptions
---@return hearth.Response
function hearth.fetch(url, options) end

---@param fetcher fun(): any may await
---@param deps? any[]
---@param options? {key?: string, stale_time?: number, initial?: any, persist?: boolean}
---@return hearth.Query
function hearth.use_query(fetcher, deps, options) end

---@param fn fun(...): any may await
---@return hearth.MutationState state
---@return fun(...): hearth.MutationCall mutate
function hearth.use_mutation(fn) end

---@param initial? number|fun(): number
---@return hearth.AnimatedValue
function hearth.use_animated_value(initial) end

hearth.Alert = {}
---@param title string
---@param message? string
---@param button? string OK
---@return hearth.Future done
function hearth.Alert.show(title, message, button) end
---@param title string
---@param message? string
---@param confirm_label? string OK
---@param cancel_label? string Cancel
---@return boolean
function hearth.Alert.confirm(title, message, confirm_label, cancel_label) end
---@param title string
---@param options {options: string[], message?: string, cancel_label?: string, destructive?: integer|string}
---@return string|nil label
function hearth.Alert.choose(title, options) end
---@param title string
---@param options? string|{message?: string, default?: string, placeholder?: string, secure?: boolean, confirm_label?: string, cancel_label?: string}
---@return string|nil text
function hearth.Alert.prompt(title, options) end

---@alias hearth.Easing string|number[]|fun(t: number): number

---@class hearth.Animation
local Animation = {}
---@param cb? fun(result: {finished: boolean})
---@return hearth.Animation
function Animation:start(cb) end
function Animation:stop() end
---@param seconds? number
---@return {finished: boolean}
function Animation:await(seconds) end
---@return boolean
function Animation:active() end

---@class hearth.AnimatedNode
---@field value number|string
---@operator add(number|hearth.AnimatedNode): hearth.AnimatedNode
---@operator sub(number|hearth.AnimatedNode): hearth.AnimatedNode
---@operator mul(number|hearth.AnimatedNode): hearth.AnimatedNode
---@operator div(number|hearth.AnimatedNode): hearth.AnimatedNode
---@operator mod(number|hearth.AnimatedNode): hearth.AnimatedNode
local Node = {}
---@param config {input: number[], output: any[], clamp?: boolean, extrapolate?: string, easing?: hearth.Easing}
---@return hearth.AnimatedNode
function Node:interpolate(config) end
---@param fn fun(value: number|string)
---@return fun() remove
function Node:add_listener(fn) end

---@class hearth.AnimatedValue: hearth.AnimatedNode
local Value = {}
---@param x number
function Value:set_value(x) end
---@return number value
function Value:stop_animation() end

hearth.Animated = {}
---@param x? number
---@return hearth.AnimatedValue
function hearth.Animated.Value(x) end
---@param value hearth.AnimatedValue
---@param options {to: number, duration?: number, easing?: hearth.Easing, delay?: number}
---@return hearth.Animation
function hearth.Animated.timing(value, options) end
---@param value hearth.AnimatedValue
---@param options {to: number, stiffness?: number, damping?: number, mass?: number, velocity?: number, overshoot?: boolean, delay?: number}
---@return hearth.Animation
function hearth.Animated.spring(value, options) end
---@param value hearth.AnimatedValue
---@param options {velocity: number, deceleration?: number, rest_distance?: number, delay?: number}
---@return hearth.Animation
function hearth.Animated.decay(value, options) end
---@param ms number
---@return hearth.Animation
function hearth.Animated.delay(ms) end
---@param list hearth.Animation[]
---@return hearth.Animation
function hearth.Animated.sequence(list) end
---@param list hearth.Animation[]
---@return hearth.Animation
function hearth.Animated.parallel(list) end
---@param ms number
---@param list hearth.Animation[]
---@return hearth.Animation
function hearth.Animated.stagger(ms, list) end
---@param animation hearth.Animation
---@param options? {iterations?: integer, reset?: boolean}
---@return hearth.Animation
function hearth.Animated.loop(animation, options) end
---@param mapping hearth.AnimatedValue|table
---@param options? {listener?: function}
---@return fun(event: any, ...)
function hearth.Animated.event(mapping, options) end

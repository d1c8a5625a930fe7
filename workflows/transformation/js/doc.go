// Package js holds JavaScript values and the standard functions that transformations call:
// the methods of Array, Object, String, Number, Math, Date, RegExp, JSON and the operators,
// with JavaScript's coercions, UTF-16 strings, undefined, NaN and key order.
//
// One thing is not JavaScript: nothing is ever changed in place. A transformation is a graph
// without an order of statements, so a method that mutates its receiver in JavaScript
// (push, splice, sort, setProperty …) returns a changed copy here. Where such a method also
// has a result of its own the two come as an object: pop and shift give {value, array},
// splice {spliced, array}; the other mutators give the changed array or object.
//
// A failing function panics with an *[Error]; [Machine.Run] turns that into an error.
package js

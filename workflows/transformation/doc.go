// Package transformation runs JST documents ("JSON schema transformations"): graphs of
// JavaScript functions that turn named incoming values into named outgoing ones.
//
// A document has steps. A method, declaration, template or function step has arguments and a
// result; an assign step carries a value from one place to another, for instance from the
// incoming value "csv" to argument 0 of method 3, or from its result to an outgoing value.
// Arguments without an assign are literals, where null says that nothing was given. A
// context step (switch) chooses which of its branches is alive: steps and assigns written in
// another branch do not take part.
//
// [Parse] compiles a document once; the result is immutable. [Transformation.Run] evaluates
// it on demand, from the outgoing values backwards: a step that no outgoing value needs does
// not run, and ternary, and, or and nullish evaluate only the operands they need, so that a
// branch not taken cannot fail. Package js has the functions and says where they differ from
// JavaScript: nothing is changed in place.
//
// Map, reduce and their kin call one of the document's functions, found by id in the unit at
// hand or in the ones around it. Its parameters marked isConstValue take the arguments that
// follow those of the method, the others what JavaScript passes (value, index, array), and
// the first outgoing value is the result.
//
// A run has no clock, no chance and no other input than its arguments, and its work is
// bounded by [Limits].
package transformation

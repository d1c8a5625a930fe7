// Package regex matches JavaScript regular expressions with their own semantics: UTF-16 or
// code point units, captures that are reset in every iteration of a loop, look-around,
// back-references and named groups.
//
// Neither Go's regexp (no look-around) nor a .NET style engine (other rules for captures,
// anchors and classes) gives the results scripts were written for. The matcher keeps its
// backtracking stack on the heap and counts its steps, so that an expression that explodes
// ends in [ErrTooComplex] at the same step on every machine, without a clock.
package regex

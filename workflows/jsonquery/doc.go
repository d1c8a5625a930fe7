// Package jsonquery is the query language of canvas workflows: it picks one value out of a JSON
// value.
//
// The language is that of the JavaScript package json-query, which the query and evaluation
// tasks of existing workflows are written in, and where that package has a meaning for a query,
// so has this one. A query is a path, read from left to right, each part applied to what the
// part before it gave:
//
//	a.b                  the member b of the member a
//	a[0]  a.0            an element of an array, counted from 0; there are no negative ones
//	a[b.c]  a["b.c"]     the member b.c: inside [ ] a dot is an ordinary character
//	a:get(b:c)           the member b:c; no plucking, so :get(length) counts an array
//	list.name            plucked: the name of each element that has one, arrays among them
//	list[*name]          joined in; a member that is an array adds its elements
//	list[*]  object[*]   all elements, or the values of all members
//	list[**] object[**]  the same, and a value that is an array adds its elements
//	list[key=value]      the first element with that member
//	list[*key=value]     all of them
//	list[].rest          the first truthy result of the rest of the path over the elements or
//	                     members of list
//	a.b|c.d              c.d where a.b is missing, null, false, 0 or ""
//	list[id={a.b}]       { } holds a query of its own, always on the whole document; it can
//	a[{b.c}]             stand for a key, a value and a helper's argument
//	({a.b|c.d}).e        and, in parentheses, for the start of a path
//
// A leading dot changes nothing, space around names and operators is ignored, and an empty
// query is the value itself.
//
// # Conditions
//
//	= !=                 JavaScript's loose comparison: 5 = "5", a missing member = null;
//	                     true and false also equal their names
//	< <= > >=            strings by their characters, anything else by number; !< and so on
//	                     negate
//	~ !~                 a string contains the text, an array the string; an empty or missing
//	                     member contains nothing
//	~/re/i               a regular expression, with at most one flag
//	:get(key)            a helper: the member's member is truthy; ! before it negates
//	a=1 & b=2 | c=3      joined strictly from left to right: (a=1 & b=2) | c=3
//
// The key may be a path through objects (address.city=Rome) unless the element has a member of
// that very name. Without a key the condition is about the element itself.
//
// Regular expressions are those of Go's regexp package, which run in linear time: look-around
// and back references are syntax errors.
//
// # Quotes and escapes
//
// A name, key or value that is wholly in single or double quotes stands for what is between
// them, whatever it is. Elsewhere a backslash makes the delimiter after it an ordinary character;
// any other backslash stands for itself.
//
// # What is a match
//
// A missing member, an index outside the array and a filter [k=v] without a hit are no match; a
// null that is there is one. A path that selects many ([*], [**], [*name], [*k=v], and what is
// plucked from them) always matches, if need be with an empty array.
//
// # Where json-query differs
//
// Its [*k=v] on anything but an array is null, not an empty array. It knows no quotes, escapes or
// keys that are paths, compares arrays and objects by identity, and fails where a condition meets
// a null element or ~ a number. For alternatives the difference does not show: a path that found
// nothing to select from gives way to the next.
//
// # What is refused
//
// Query parameters (?), the parent (..) and helpers other than get have no meaning here and are
// syntax errors, as is whatever json-query would silently skip: a condition without an operator,
// brackets that do not pair, parentheses after anything but a helper.
package jsonquery

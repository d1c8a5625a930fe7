package js

import (
	"maps"
	"slices"
)

// Args are the arguments of a call, the receiver first. Reading beyond the end gives
// undefined, and many functions care how many there are.
type Args []Value

func (a Args) at(i int) Value {
	if i < len(a) {
		return a[i]
	}
	return nil
}

// from are the arguments from i on.
func (a Args) from(i int) Args { return a[min(i, len(a)):] }

// entry is one function of a library.
type entry struct {
	run func(m *Machine, a Args) Value
	// instance tells that the function is a method of its first argument, so that the type
	// of that argument decides which library's method runs: "abc".includes or [1].includes.
	instance bool
}

// libraries has the functions by library and method.
var libraries = map[string]map[string]entry{}

func register(lib, method string, f entry) {
	if libraries[lib] == nil {
		libraries[lib] = map[string]entry{}
	}
	libraries[lib][method] = f
}

func define(lib string, fns map[string]func(*Machine, Args) Value) struct{} {
	for name, f := range fns {
		register(lib, name, entry{run: f})
	}
	return struct{}{}
}

// methods defines functions whose receiver is a T, which receive makes of the first argument.
func methods[T any](lib string, receive func(m *Machine, v Value, method string) T, fns map[string]func(*Machine, T, Args) Value) struct{} {
	for name, f := range fns {
		register(lib, name, entry{instance: true, run: func(m *Machine, a Args) Value {
			return f(m, receive(m, a.at(0), name), a.from(1))
		}})
	}
	return struct{}{}
}

// Has tells whether the library has the method.
func Has(lib, method string) bool {
	_, ok := libraries[lib][method]
	return ok
}

// HasLibrary tells whether there is such a library.
func HasLibrary(lib string) bool { return libraries[lib] != nil }

// Libraries lists the libraries by name.
func Libraries() []string { return slices.Sorted(maps.Keys(libraries)) }

// Methods lists the methods of a library by name.
func Methods(lib string) []string { return slices.Sorted(maps.Keys(libraries[lib])) }

// Call runs one function. It panics with an *Error when that throws. Date and RegExp make
// their receivers of text and numbers, too.
func (m *Machine) Call(lib, method string, args ...Value) Value {
	f, ok := libraries[lib][method]
	if !ok {
		typeError("%s has no method %q", lib, method)
	}
	m.work(1)
	if f.instance && len(args) > 0 {
		if own := prototype(args[0]); own != lib && own != "" && lib != "Date" && lib != "RegExp" {
			if g, ok := libraries[own][method]; ok && g.instance {
				f = g
			}
		}
	}
	return f.run(m, args)
}

// Callback tells for a method that takes a function where that stands among the arguments
// and how many arguments the method has; what follows are constants for the function.
// The function may be left out when optional.
func Callback(lib, method string) (at, count int, optional, ok bool) {
	switch lib {
	case "Array":
		switch method {
		case "every", "filter", "find", "findIndex", "findLast", "findLastIndex", "flatMap", "forEach", "map", "some":
			return 1, 2, false, true
		case "reduce", "reduceRight":
			return 1, 3, false, true
		case "from", "sort", "toSorted":
			return 1, 2, true, true
		}
	case "JSON":
		switch method {
		case "parse":
			return 1, 2, true, true
		case "stringify":
			return 1, 3, true, true
		}
	}
	return 0, 0, false, false
}

// prototype names the library whose methods v has.
func prototype(v Value) string {
	switch v.(type) {
	case bool:
		return "Boolean"
	case float64, Big:
		return "Number"
	case string:
		return "String"
	case *Array:
		return "Array"
	case *Date:
		return "Date"
	case *RegExp:
		return "RegExp"
	case *Set:
		return "Set"
	case *Map:
		return "Map"
	}
	return ""
}

// refuse throws what JavaScript does for a method on a value that has none of that name.
func refuse(v Value, method string) {
	if Nullish(v) {
		typeError("cannot read properties of %s (reading '%s')", sprint(v), method)
	}
	typeError("%s has no method %s", sprint(v), method)
}

func function(v Value) *Function {
	f, ok := v.(*Function)
	if !ok {
		typeError("%s is not a function", sprint(v))
	}
	return f
}

func identity(_ *Machine, a Args) Value { return a.at(0) }

package transformation

import (
	"fmt"
	"strings"

	"github.com/heddlehq/heddle/workflows/transformation/js"
	"github.com/heddlehq/heddle/workflows/value"
)

// Transformation is a compiled document. It is immutable and safe to share.
type Transformation struct {
	ID          string
	Name        string
	Description string
	Incoming    []value.Value // schemas, each with its name under $id
	Outgoing    []value.Value
	Doc         value.Value // the document as it was parsed

	root *unit
}

// Problem is one thing wrong with a document.
type Problem struct {
	Pointer string `json:"pointer"` // JSON pointer into the document
	Code    string `json:"code"`    // "cycle", "duplicate", "limit", "reference", "type" or "unknown"
	Text    string `json:"message"` // what is wrong and what would be right
}

// Problems is the error of Parse: all that is wrong, in the order of the document.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, e := range p {
		lines[i] = fmt.Sprintf("at %s: %s", orRoot(e.Pointer), e.Text)
	}
	return "invalid transformation: " + strings.Join(lines, "; ")
}

func orRoot(ptr string) string {
	if ptr == "" {
		return "the top level"
	}
	return ptr
}

// unit is a document or one of its functions.
type unit struct {
	id, name  string
	pointer   string
	parent    *unit
	params    []param
	steps     []step
	outputs   []output
	functions []*unit
}

type param struct {
	id       string
	constant bool // takes an argument that follows those of the method
}

// output is one outgoing value and what is assigned to it, whole values before parts.
type output struct {
	id    string
	parts []part
}

type part struct {
	from   source
	path   []string
	arrays []bool // by token: it is put into an array, not an object
}

type kind uint8

const (
	call     kind = iota // method or declaration
	template             // String.templateLiteral
	function             // a unit of the document
	choice               // Conditional.switch
)

type step struct {
	kind            kind
	id              string
	pointer         string
	library, method string
	lazy            bool  // evaluates its own arguments
	args            []arg // without those left out at the end
	callback        *callback
	template        *js.Template
	unit            *unit
	cases           []value.Value
	within          branch
	length          bool // new Array(length)
	elements        bool // new Array(…elements)
}

// callback is a function argument: args[at] of the call is the unit with its constants.
type callback struct {
	at        int
	unit      *unit
	constants []arg
}

type arg struct {
	literal value.Value // Absent when nothing was given
	scalar  js.Value    // the literal, when it is none of the containers
	sources []source
}

func (a *arg) missing() bool { return a.sources == nil && a.literal.IsAbsent() }

// source is where a value comes from: a parameter, or the result of a step.
type source struct {
	param  int // -1 for a step
	step   int
	path   []string
	within branch
}

// branch is a place in nested switches; empty at the top.
type branch []limb

type limb struct {
	step int // the switch
	at   int // the case, from 0; -1 for none of them
}

// lookup finds a function by id, or else by name, from the innermost unit outwards.
func (u *unit) lookup(name string) *unit {
	for scope := u; scope != nil; scope = scope.parent {
		for _, f := range scope.functions {
			if f.id == name {
				return f
			}
		}
	}
	for scope := u; scope != nil; scope = scope.parent {
		for _, f := range scope.functions {
			if f.name == name {
				return f
			}
		}
	}
	return nil
}

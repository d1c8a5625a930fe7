// Package expression evaluates small formulas over JSON values: the expression task of
// workflows and the conditions of guards.
//
// The language is that of expr-lang/expr. What this package adds is that equal input gives
// equal output and that no formula can hurt its host. There is no clock (now() reads the
// environment's member "now"), no chance and no order of maps: keys, values and toPairs go by
// sorted key. Every step and every byte that a formula makes is charged to a fixed budget,
// so that a formula that explodes ends in an error at the same place on every machine.
//
// Objects and arrays that a formula hands on unchanged keep the order of their keys and the
// spelling of their numbers; objects that it builds have their keys sorted.
package expression

import (
	"errors"
	"fmt"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"github.com/heddlehq/heddle/workflows/value"
)

// The limits of a formula. A run that would pass one of them ends in an *[Error].
const (
	MaxLength = 16 << 10 // bytes of text
	MaxNodes  = 2_000    // parts of the parsed formula

	maxNest   = 200     // brackets within brackets
	maxResult = 100_000 // parts of a result that the formula made itself, text one per eight bytes
	maxWork   = 400_000 // units of work: loop rounds cost four, elements one, text one per eight bytes
	maxMemory = 200_000 // elements of the arrays and objects that one run makes
)

// Error says where a formula is wrong, or where it was when it went wrong.
type Error struct {
	Line   int // from 1; 0 when no place is known
	Column int // from 1
	Reason string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Reason
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Reason)
}

// Program is a compiled formula. It is immutable and safe to share.
type Program struct {
	text  string
	names []string
	code  *vm.Program
}

// Compile reads a formula. The error is an *[Error] with its place.
func Compile(text string) (*Program, error) {
	if len(text) > MaxLength {
		return nil, &Error{Reason: fmt.Sprintf("the expression is longer than %d bytes", MaxLength)}
	}
	if strings.TrimSpace(text) == "" {
		return nil, &Error{Reason: "the expression is empty"}
	}
	if nesting(text) > maxNest {
		return nil, &Error{Reason: fmt.Sprintf("the expression's brackets are nested deeper than %d levels", maxNest)}
	}
	options := []expr.Option{
		expr.Env(map[string]any{}), expr.AllowUndefinedVariables(),
		expr.MaxNodes(MaxNodes), expr.Optimize(false),
	}
	// The first pass checks calls against the signatures of the functions they name; the
	// second one replaces them.
	if _, err := expr.Compile(text, options...); err != nil {
		return nil, located(err)
	}
	m := &meter{text: text, names: map[string]bool{}}
	// What the meter adds is not the author's, so it does not count towards MaxNodes.
	options = append(options, expr.Patch(m), expr.MaxNodes(0))
	for name, f := range functions {
		options = append(options, expr.Function(hidden(name), f))
	}
	code, err := expr.Compile(text, options...)
	if m.err != nil {
		return nil, m.err
	}
	if err != nil {
		return nil, located(err)
	}
	return &Program{text: text, names: m.sorted(), code: code}, nil
}

// nesting is how deep the brackets of text go; the ones in strings do not count.
func nesting(text string) int {
	deepest, depth, quote := 0, 0, byte(0)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quote != 0 && c == '\\' && quote != '`':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case c == '(' || c == '[' || c == '{':
			depth++
			deepest = max(deepest, depth)
		case c == ')' || c == ']' || c == '}':
			depth--
		}
	}
	return deepest
}

// String is the formula's text.
func (p *Program) String() string { return p.text }

// Names lists the variables that the formula reads, sorted; those that it declares itself
// are among them.
func (p *Program) Names() []string { return p.names }

// Run evaluates the formula. The members of env are its variables; one that is missing is
// nil. The error is an *[Error].
func (p *Program) Run(env value.Value) (value.Value, error) {
	r := &run{left: maxWork, now: env.Get("now")}
	vars := make(map[string]any, len(p.names)+1)
	vars[hiddenRun] = r
	for _, name := range p.names {
		vars[name] = r.plain(env.Get(name))
	}
	machine := vm.VM{MemoryBudget: maxMemory}
	out, err := machine.Run(p.code, vars)
	if err != nil {
		return value.Absent, located(err)
	}
	v, err := r.result(out)
	if err != nil {
		return value.Absent, &Error{Reason: err.Error()}
	}
	return v, nil
}

// Eval compiles and runs a formula once.
func Eval(text string, env value.Value) (value.Value, error) {
	p, err := Compile(text)
	if err != nil {
		return value.Absent, err
	}
	return p.Run(env)
}

func located(err error) error {
	if f, ok := errors.AsType[*file.Error](err); ok {
		return &Error{Line: f.Line, Column: f.Column + 1, Reason: reason(f.Message)}
	}
	return &Error{Reason: reason(err.Error())}
}

// reason strips what the evaluator says about itself.
func reason(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	return strings.ReplaceAll(text, " (use pipe operator)", "")
}

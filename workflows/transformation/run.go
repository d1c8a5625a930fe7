package transformation

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/heddlehq/heddle/workflows/jsonquery"
	"github.com/heddlehq/heddle/workflows/transformation/js"
	"github.com/heddlehq/heddle/workflows/value"
)

// Options say how a transformation is run. The zero Options are ready to use.
type Options struct {
	// ExtractOutput asks for the bare value instead of an object when there is exactly one
	// outgoing value.
	ExtractOutput bool
	// ValidateIncoming checks each incoming value against its schema first.
	ValidateIncoming bool
	// RevertToDefaultValue lets the default of its schema take the place of an incoming
	// value that is absent, or that does not fit the schema.
	RevertToDefaultValue bool

	// Validate checks a value, which may be Absent, against a schema; nil stands for
	// CheckSchema.
	Validate func(schema, v value.Value) error
	// Query is WorkFlowEngine.query's language: what obj has at the query, and whether; nil
	// stands for jsonquery.Select.
	Query func(obj value.Value, query string) (value.Value, bool, error)
	// Now is the time of new Date() and Date.now().
	Now time.Time
	// Random is Math.random's source of numbers in [0, 1); nil stands for a generator
	// that begins with Seed.
	Random func() float64
	Seed   uint64

	Limits Limits
}

// Limits bound a run; zero fields stand for the default.
type Limits struct {
	Steps int // steps, rounds of loops and, weighed, other work: 2,000,000
	Size  int // bytes allocated along the way, and bytes of the result: 128 MiB
	Depth int // calls of functions within functions: 200
}

func (l Limits) orDefault() Limits {
	if l.Steps == 0 {
		l.Steps = 2_000_000
	}
	if l.Size == 0 {
		l.Size = 128 << 20
	}
	if l.Depth == 0 {
		l.Depth = 200
	}
	return l
}

// Error tells which step of a transformation did not succeed, and why.
type Error struct {
	Transformation string
	Pointer        string // of the step in the document
	Step           string // its id
	Library        string
	Method         string // or the name of a function
	Kind           string // "TypeError", "RangeError", "SyntaxError", "Error", "Limit" or "Incoming"
	Message        string
}

func (e *Error) Error() string {
	at := e.Pointer
	switch {
	case e.Library != "":
		at = fmt.Sprintf("step %s (%s.%s) at %s", e.Step, e.Library, e.Method, e.Pointer)
	case e.Step != "":
		at = fmt.Sprintf("step %s at %s", e.Step, e.Pointer)
	}
	return fmt.Sprintf("transformation %q, %s: %s: %s", e.Transformation, orRoot(at), e.Kind, e.Message)
}

// Run evaluates the transformation for the incoming values, an object of them by $id, and
// gives the outgoing ones the same way; an outgoing value that is undefined is left out.
// The error is an *Error. Equal arguments give equal results.
func (t *Transformation) Run(incoming value.Value, o Options) (value.Value, error) {
	limits := o.Limits.orDefault()
	if o.Random == nil {
		o.Random = rand.New(rand.NewPCG(o.Seed, 0x9E3779B97F4A7C15)).Float64
	}
	if o.Query == nil {
		o.Query = jsonquery.Select
	}
	given, err := t.accept(incoming, o)
	if err != nil {
		return value.Absent, err
	}
	env := js.Env{Now: o.Now, Random: o.Random, Query: o.Query}
	r := &runner{m: js.New(env, js.Limits{Steps: limits.Steps, Size: limits.Size}), maxDepth: limits.Depth}
	var out value.Value
	thrown := r.m.Run(func() {
		f := r.frame(t.root, given)
		if o.ExtractOutput && len(t.root.outputs) == 1 {
			out = r.m.ToValue(f.output(0))
			return
		}
		out = r.m.ToValue(f.object())
	})
	if e, ok := thrown.(*js.Error); ok {
		return value.Absent, t.failure(r.current, e)
	}
	return out, nil
}

func (t *Transformation) failure(at *step, e *js.Error) error {
	out := &Error{Transformation: t.Name, Kind: e.Kind, Message: e.Message}
	if at != nil {
		out.Pointer, out.Step, out.Library, out.Method = at.pointer, at.id, at.library, at.method
	}
	return out
}

// accept gives the arguments of the root, checked and defaulted.
func (t *Transformation) accept(incoming value.Value, o Options) ([]js.Value, error) {
	refuse := func(pointer string, format string, args ...any) error {
		return &Error{Transformation: t.Name, Pointer: pointer, Kind: "Incoming", Message: fmt.Sprintf(format, args...)}
	}
	if !incoming.IsObject() && !incoming.IsNothing() {
		return nil, refuse("", "an object of the incoming values expected, got %s", incoming.Kind())
	}
	check := o.Validate
	if check == nil {
		check = CheckSchema
	}
	out := make([]js.Value, len(t.root.params))
	for i, p := range t.root.params {
		v, schema := incoming.Get(p.id), t.Incoming[i]
		byDefault := o.RevertToDefaultValue && schema.Has("default")
		switch {
		case byDefault && (v.IsAbsent() || check(schema, v) != nil):
			v = schema.Get("default")
		case o.ValidateIncoming:
			if err := check(schema, v); err != nil {
				return nil, refuse(fmt.Sprintf("/incoming/%d", i), "incoming value %q: %s", p.id, err)
			}
		}
		out[i] = js.FromValue(v)
	}
	return out, nil
}

type runner struct {
	m        *js.Machine
	depth    int
	nested   int // steps that wait for one another
	maxDepth int
	current  *step // the one that runs
}

// maxWaiting bounds the chain of steps that wait for one another, in all calls together.
const maxWaiting = 20_000

// frame is one call of a unit.
type frame struct {
	r       *runner
	unit    *unit
	caller  *step // the function step it belongs to, if any
	args    []js.Value
	done    []bool
	results []any // by step: a js.Value, for a function step its *frame, for a switch its case
}

func (r *runner) frame(u *unit, args []js.Value) *frame {
	r.m.Work(len(u.steps) / 16)
	return &frame{r: r, unit: u, args: args, done: make([]bool, len(u.steps)), results: make([]any, len(u.steps))}
}

// alive tells whether the switches chose this branch.
func (f *frame) alive(b branch) bool {
	for _, l := range b {
		if chosen, ok := f.step(l.step).(int); !ok || chosen != l.at {
			return false
		}
	}
	return true
}

// object gives all outgoing values that are there.
func (f *frame) object() *js.Object {
	var pairs []js.Value
	for i, o := range f.unit.outputs {
		if v := f.output(i); v != nil {
			pairs = append(pairs, o.id, v)
		}
	}
	return js.NewObject(pairs...)
}

func (f *frame) output(i int) js.Value {
	var out js.Value
	for _, p := range f.unit.outputs[i].parts {
		if !f.alive(p.from.within) {
			continue
		}
		v := f.value(p.from)
		if len(p.path) == 0 {
			out = v
			continue
		}
		out = f.r.m.Place(out, p.path, p.arrays, v)
	}
	return out
}

func (f *frame) value(s source) js.Value {
	if s.param >= 0 {
		return js.Path(f.args[s.param], s.path)
	}
	switch v := f.step(s.step).(type) {
	case *frame:
		return v.result(s.path)
	case int:
		return js.Path(js.NewObject(fmt.Sprintf("case_%d", v+1), true), s.path)
	default:
		return js.Path(v, s.path)
	}
}

// result is what a function step gives: /return/<outgoing value>/…
func (f *frame) result(path []string) js.Value {
	if len(path) == 0 {
		return f.object()
	}
	for i, o := range f.unit.outputs {
		if o.id == path[0] {
			before := f.r.current
			f.r.current = f.caller
			f.enter()
			v := f.output(i)
			f.leave()
			f.r.current = before
			return js.Path(v, path[1:])
		}
	}
	return nil
}

func (f *frame) enter() {
	if f.r.depth++; f.r.depth > f.r.maxDepth {
		js.Throw("Limit", "functions call one another deeper than %d levels", f.r.maxDepth)
	}
}

func (f *frame) leave() { f.r.depth-- }

// step gives the result of a step, evaluating it at the first demand.
func (f *frame) step(i int) any {
	if f.done[i] {
		return f.results[i]
	}
	r, st, before := f.r, &f.unit.steps[i], f.r.current
	r.current = st
	if r.nested++; r.nested > maxWaiting {
		js.Throw("Limit", "more than %d steps wait for one another", maxWaiting)
	}
	if f.alive(st.within) {
		f.results[i] = f.evaluate(st)
	}
	f.done[i] = true
	r.nested--
	r.current = before
	return f.results[i]
}

func (f *frame) evaluate(st *step) any {
	m := f.r.m
	m.Work(1)
	switch {
	case st.kind == template:
		return m.Fill(st.template, f.arguments(st.args))
	case st.kind == function:
		args := make([]js.Value, len(st.unit.params))
		copy(args, f.arguments(st.args))
		called := f.r.frame(st.unit, args)
		called.caller = st
		return called
	case st.kind == choice:
		return f.choose(st)
	case st.lazy:
		return f.lazy(st)
	}
	args := f.arguments(st.args)
	if c := st.callback; c != nil {
		args[c.at] = f.r.callback(c.unit, f.arguments(c.constants))
	}
	switch {
	case st.elements:
		return js.NewArray(args...)
	case st.length && len(args) == 0:
		return js.NewArray()
	case st.length:
		return m.NewArrayOfLength(args[0])
	}
	return m.Call(st.library, st.method, args...)
}

func (f *frame) arguments(args []arg) []js.Value {
	out := make([]js.Value, len(args))
	for i := range args {
		out[i] = f.argument(&args[i])
	}
	return out
}

// argument is what was assigned in a branch that is alive, else the literal.
func (f *frame) argument(a *arg) js.Value {
	for i := len(a.sources) - 1; i >= 0; i-- {
		if f.alive(a.sources[i].within) {
			return f.value(a.sources[i])
		}
	}
	if a.scalar != nil {
		return a.scalar
	}
	return js.FromValue(a.literal)
}

// choose gives the number of the first case that the subject is, from 0; -1 for none.
func (f *frame) choose(st *step) int {
	var subject js.Value
	if len(st.args) > 0 {
		subject = f.argument(&st.args[0])
	}
	for i, c := range st.cases {
		if f.r.m.Matches(subject, js.FromValue(c)) {
			return i
		}
	}
	return -1
}

// lazy evaluates only the operands that decide.
func (f *frame) lazy(st *step) js.Value {
	if st.method == "ternary" {
		pick := 2
		if len(st.args) > 0 && js.Truthy(f.argument(&st.args[0])) {
			pick = 1
		}
		if pick >= len(st.args) {
			return nil
		}
		return f.argument(&st.args[pick])
	}
	var v js.Value
	for i := range st.args {
		v = f.argument(&st.args[i])
		switch {
		case st.method == "and" && !js.Truthy(v), st.method == "or" && js.Truthy(v), st.method == "nullish" && !js.Nullish(v):
			return v
		}
	}
	return v
}

// callback makes a function of a unit: constant parameters take the constants, the others
// the arguments of each call.
func (r *runner) callback(u *unit, constants []js.Value) *js.Function {
	return &js.Function{Name: u.name, Call: func(given ...js.Value) js.Value {
		r.m.Work(1)
		args := make([]js.Value, len(u.params))
		nextGiven, nextConstant := 0, 0
		for i, p := range u.params {
			switch {
			case p.constant && nextConstant < len(constants):
				args[i] = constants[nextConstant]
				nextConstant++
			case !p.constant && nextGiven < len(given):
				args[i] = given[nextGiven]
				nextGiven++
			}
		}
		if len(u.outputs) == 0 {
			return nil
		}
		f := r.frame(u, args)
		f.enter()
		v := f.output(0)
		f.leave()
		return v
	}}
}

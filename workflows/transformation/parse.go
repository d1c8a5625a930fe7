package transformation

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/heddlehq/heddle/workflows/transformation/js"
	"github.com/heddlehq/heddle/workflows/value"
)

// How large a document may be.
const (
	maxNesting = 32     // functions within functions
	maxSteps   = 50_000 // of one unit
	maxArgs    = 1000   // of one step
)

// Parse compiles a document. The error is Problems.
func Parse(doc value.Value) (*Transformation, error) {
	t := &Transformation{
		ID:          doc.Get("_id").Text(),
		Name:        doc.Get("name").Text(),
		Description: doc.Get("description").Text(),
		Incoming:    doc.Get("incoming").Slice(),
		Outgoing:    doc.Get("outgoing").Slice(),
		Doc:         doc,
	}
	p := &parser{}
	if !doc.IsObject() {
		p.problem("", "type", "a transformation must be an object, got %s", doc.Kind())
		return nil, p.problems
	}
	t.root = &unit{name: t.Name}
	p.unit(t.root, doc, 0)
	if p.problems != nil {
		return nil, p.problems
	}
	return t, nil
}

type parser struct{ problems Problems }

func (p *parser) problem(pointer, code, format string, args ...any) {
	if len(p.problems) < 100 {
		p.problems = append(p.problems, Problem{pointer, code, fmt.Sprintf(format, args...)})
	}
}

// list reads an array member that may be missing unless required.
func (p *parser) list(v value.Value, key, pointer string, required bool) value.Value {
	l := v.Get(key)
	if !l.IsArray() && (required || !l.IsNothing()) {
		p.problem(pointer+"/"+key, "type", "an array expected, got %s", l.Kind())
		return value.Array()
	}
	return l
}

// unit fills u, which is known to its surroundings before it is read.
func (p *parser) unit(u *unit, doc value.Value, depth int) {
	if depth > maxNesting {
		p.problem(u.pointer, "limit", "functions nested deeper than %d levels", maxNesting)
		return
	}
	for i, s := range p.list(doc, "incoming", u.pointer, false).Elements() {
		id := p.schemaID(s, fmt.Sprintf("%s/incoming/%d", u.pointer, i))
		u.params = append(u.params, param{id, s.Get("isConstValue").Truth()})
	}
	for i, s := range p.list(doc, "outgoing", u.pointer, false).Elements() {
		u.outputs = append(u.outputs, output{id: p.schemaID(s, fmt.Sprintf("%s/outgoing/%d", u.pointer, i))})
	}
	functions := p.list(doc, "functions", u.pointer, false)
	for i, f := range functions.Elements() {
		at := fmt.Sprintf("%s/functions/%d", u.pointer, i)
		if !f.IsObject() {
			p.problem(at, "type", "a function must be an object, got %s", f.Kind())
		}
		u.functions = append(u.functions, &unit{id: f.Get("id").Text(), name: f.Get("name").Text(), pointer: at, parent: u})
	}
	for i, f := range functions.Elements() {
		p.unit(u.functions[i], f, depth+1)
	}
	p.steps(u, doc)
}

func (p *parser) schemaID(s value.Value, pointer string) string {
	id := s.Get("$id").Text()
	if id == "" {
		p.problem(pointer+"/$id", "type", "a name expected")
	}
	return id
}

// steps compiles the steps of a unit: first what they are, then what flows between them.
func (p *parser) steps(u *unit, doc value.Value) {
	all := p.list(doc, "steps", u.pointer, true)
	if all.Len() > maxSteps {
		p.problem(u.pointer+"/steps", "limit", "more than %d steps", maxSteps)
		return
	}
	w := &wiring{parser: p, unit: u, byID: map[string]int{}, kinds: map[string]string{}, outgoing: doc.Get("outgoing")}
	var docs []value.Value
	for i, s := range all.Elements() {
		pointer := fmt.Sprintf("%s/steps/%d", u.pointer, i)
		kind := s.Get("type").Text()
		if kind == "assign" {
			continue
		}
		st, ok := p.step(u, s, kind, pointer)
		if !ok {
			continue
		}
		if _, dup := w.byID[st.id]; dup {
			p.problem(pointer+"/id", "duplicate", "another step has the id %s, too", st.id)
			continue
		}
		w.byID[st.id], w.kinds[st.id] = len(u.steps), kind
		u.steps = append(u.steps, st)
		docs = append(docs, s)
	}
	for i := range u.steps {
		u.steps[i].within = w.branch(docs[i].Get("context"), u.steps[i].pointer+"/context")
	}
	for i, s := range all.Elements() {
		if s.Get("type").Text() == "assign" {
			w.assign(s, fmt.Sprintf("%s/steps/%d", u.pointer, i))
		}
	}
	w.finish()
}

// text gives an id, which documents write as a number or as text.
func text(v value.Value) string {
	if v.IsNumber() {
		return v.String()
	}
	return v.Text()
}

func (p *parser) step(u *unit, s value.Value, kind, pointer string) (step, bool) {
	st := step{id: text(s.Get("id")), pointer: pointer, library: s.Get("library").Text(), method: s.Get("method").Text()}
	if st.id == "" {
		p.problem(pointer+"/id", "type", "a number or name expected")
		return st, false
	}
	args := p.list(s, "args", pointer, false)
	if args.Len() > maxArgs {
		p.problem(pointer+"/args", "limit", "more than %d arguments", maxArgs)
		return st, false
	}
	for _, a := range args.Elements() {
		var given arg
		if !a.IsNull() {
			given.literal = a
		}
		if !a.IsArray() && !a.IsObject() {
			given.scalar = js.FromValue(given.literal)
		}
		st.args = append(st.args, given)
	}
	switch kind {
	case "method", "declaration":
		return st, p.method(s, &st)
	case "template":
		st.kind = template
		if !s.Get("template").IsString() {
			p.problem(pointer+"/template", "type", "text expected, got %s", s.Get("template").Kind())
			return st, false
		}
		st.template = js.ParseTemplate(s.Get("template").Text())
	case "function":
		st.kind, st.method = function, s.Get("function").Text()
		st.unit = p.function(u, s.Get("function"), pointer+"/function")
		return st, st.unit != nil
	case "context":
		st.kind, st.cases = choice, p.list(s, "return", pointer, true).Slice()
		if st.library != "Conditional" || st.method != "switch" {
			p.problem(pointer+"/method", "unknown", "a context step must be Conditional.switch, got %s.%s", st.library, st.method)
			return st, false
		}
	default:
		p.problem(pointer+"/type", "unknown", "unknown step type %q: assign, context, declaration, function, method or template expected", kind)
		return st, false
	}
	return st, true
}

func (p *parser) method(s value.Value, st *step) bool {
	switch {
	case !js.HasLibrary(st.library):
		p.problem(st.pointer+"/library", "unknown", "unknown library %q: one of %s expected", st.library, strings.Join(js.Libraries(), ", "))
		return false
	case !js.Has(st.library, st.method):
		p.problem(st.pointer+"/method", "unknown", "%s has no method %q: one of %s expected", st.library, st.method, strings.Join(js.Methods(st.library), ", "))
		return false
	}
	switch st.library + "." + st.method {
	case "Array.new Array":
		shape := s.Get("polymorphIndex")
		st.elements, st.length = shape.IsNumber() && shape.Float() == 0, shape.IsNumber() && shape.Float() == 1
	case "Conditional.ternary", "Logical.and", "Logical.nullish", "Logical.or":
		st.lazy = true
	}
	return true
}

func (p *parser) function(u *unit, name value.Value, pointer string) *unit {
	f := u.lookup(name.Text())
	if f == nil || !name.IsString() {
		p.problem(pointer, "reference", "there is no function %s here", name)
		return nil
	}
	return f
}

// callback turns the argument that names a function into one, and takes the constants that
// follow the arguments of the method.
func (p *parser) callback(u *unit, st *step) {
	at, count, optional, ok := js.Callback(st.library, st.method)
	if !ok || st.kind != call {
		return
	}
	pointer := fmt.Sprintf("%s/args/%d", st.pointer, at)
	var a arg
	if at < len(st.args) {
		a = st.args[at]
	}
	switch {
	case a.missing() && optional:
		return
	case a.sources != nil && st.library != "JSON", a.sources == nil && !a.literal.IsString() && st.library != "JSON":
		p.problem(pointer, "type", "%s.%s needs the name of a function here", st.library, st.method)
		return
	case a.sources != nil || !a.literal.IsString():
		return // JSON.stringify takes a list of keys, too
	}
	f := p.function(u, a.literal, pointer)
	if f == nil {
		return
	}
	st.callback = &callback{at: at, unit: f}
	if len(st.args) > count {
		st.callback.constants = st.args[count:]
		st.args = st.args[:count:count]
	}
}

// trim drops the arguments that were left out at the end, so that functions see how many
// they were given.
func trim(args []arg) []arg {
	for len(args) > 0 && args[len(args)-1].missing() {
		args = args[:len(args)-1]
	}
	return slices.Clip(args)
}

// argIndex reads /args/N/value.
func argIndex(tokens []string) (int, bool) {
	if len(tokens) < 2 || len(tokens) > 3 || tokens[0] != "args" || len(tokens) == 3 && tokens[2] != "value" {
		return 0, false
	}
	i, err := strconv.Atoi(tokens[1])
	return i, err == nil && i >= 0 && i < maxArgs
}

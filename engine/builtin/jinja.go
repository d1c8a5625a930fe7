package builtin

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"github.com/nikolalohinski/gonja/v2/builtins"
	controls "github.com/nikolalohinski/gonja/v2/builtins/control_structures"
	"github.com/nikolalohinski/gonja/v2/config"
	"github.com/nikolalohinski/gonja/v2/exec"
	"github.com/nikolalohinski/gonja/v2/loaders"
	"github.com/nikolalohinski/gonja/v2/nodes"
	"github.com/nikolalohinski/gonja/v2/parser"
	"github.com/nikolalohinski/gonja/v2/tokens"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows/value"
)

// This file renders Jinja2 templates. A template reaches nothing but its variables: there are
// no files, no other templates, no clock and no chance. And it is bounded: the rounds of its
// loops, the text that it makes on the way, how deeply its macros call each other, and time.

// The limits of a template.
const (
	maxRounds     = 200_000
	maxMacroDepth = 100
	maxRender     = 2 * time.Second
	maxExpression = 2_000  // words of one expression
	maxStatements = 200    // levels of statements in statements
	maxWidth      = 10_000 // columns, of filters that fill text up
)

// meter is what one rendering may still do.
type meter struct {
	rounds   int
	text     int
	depth    int
	until    time.Time
	operands []operand
	err      error // the limit that was reached
}

// operand is the left side of an operator whose right side is being computed.
type operand struct {
	size   int
	repeat bool // a text, which a number on the right repeats
}

func (m *meter) spend(n int) error {
	if m.text -= n; m.text < 0 || n < 0 {
		return m.stop("the template makes more than %d bytes of text", maxText)
	}
	return nil
}

func (m *meter) stop(format string, args ...any) error {
	if m.err == nil {
		m.err = tooMuch(format, args...)
	}
	return m.err
}

// renderJinja fills a template.
func renderJinja(source string, context value.Value) (out string, err error) {
	m := &meter{rounds: maxRounds, text: maxText, until: time.Now().Add(maxRender)}
	defer func() {
		if r := recover(); r != nil {
			err = badData("the template cannot be rendered: %v", r)
		}
		if m.err != nil {
			out, err = "", m.err
		}
	}()
	environment := &exec.Environment{
		Context: m.globals(), ControlStructures: templateControls, Tests: builtins.Tests,
		Filters: m.filters(), Methods: m.methods(),
	}
	cfg := config.New()
	if err := shallow(source, cfg); err != nil {
		return "", err
	}
	t, err := exec.NewTemplate("template", cfg, &onlyLoader{source}, environment)
	if err != nil {
		return "", &problem{class: engine.ClassDocument, text: "the template is broken: " + lastCause(err, source)}
	}
	m.visit(reflect.ValueOf(t.Root()), map[uintptr]bool{})
	if m.err != nil {
		return "", m.err
	}
	vars := map[string]any{}
	for k, v := range context.Members() {
		vars[k] = templateValue(v)
	}
	var b bytes.Buffer
	if err := t.Execute(&meteredWriter{&b, m}, exec.NewContext(vars)); err != nil {
		return "", badData("the template cannot be rendered: %s", lastCause(err, source))
	}
	return b.String(), nil
}

// shallow refuses templates whose parts are nested so deeply that reading them would need
// too much stack: long expressions, and statements in statements.
func shallow(source string, cfg *config.Config) error {
	expression, statements := 0, 0
	stream := tokens.LexAll(source, cfg)
	for !stream.End() {
		tok := stream.Next()
		if tok == nil {
			break
		}
		switch tok.Type {
		case tokens.VariableBegin, tokens.BlockBegin:
			expression = 0
		case tokens.Name:
			if expression == 1 && opensBlock[strings.TrimPrefix(tok.Val, "end")] {
				statements++
				if strings.HasPrefix(tok.Val, "end") {
					statements -= 2
				}
			}
		}
		if expression++; expression > maxExpression {
			return tooMuch("the template has an expression of more than %d words", maxExpression)
		}
		if statements > maxStatements {
			return tooMuch("the template has statements nested deeper than %d levels", maxStatements)
		}
	}
	return nil
}

// opensBlock are the statements that have an end.
var opensBlock = map[string]bool{
	"autoescape": true, "call": true, "filter": true, "for": true, "if": true, "macro": true, "with": true,
}

// lastCause is an error's text without the template's own text in it.
func lastCause(err error, source string) string {
	return clipLong(strings.ReplaceAll(err.Error(), source, "…"))
}

func clipLong(s string) string {
	if len(s) > 500 {
		return s[:500] + "…"
	}
	return s
}

// templateValue converts JSON to what templates work on: whole numbers are integers.
func templateValue(v value.Value) any {
	switch v.Kind() {
	case value.KindNumber:
		if i, ok := v.Int(); ok {
			return int(i)
		}
	case value.KindArray:
		out := make([]any, v.Len())
		for i, e := range v.Elements() {
			out[i] = templateValue(e)
		}
		return out
	case value.KindObject:
		out := make(map[string]any, v.Len())
		for k, m := range v.Members() {
			out[k] = templateValue(m)
		}
		return out
	}
	return v.Any()
}

// onlyLoader loads the template itself and nothing else.
type onlyLoader struct{ source string }

func (l *onlyLoader) Read(string) (io.Reader, error)         { return strings.NewReader(l.source), nil }
func (l *onlyLoader) Resolve(string) (string, error)         { return "", errNoTemplates }
func (l *onlyLoader) Inherit(string) (loaders.Loader, error) { return l, nil }

var errNoTemplates = errors.New("a template cannot use other templates")

type meteredWriter struct {
	w io.Writer
	m *meter
}

func (w *meteredWriter) Write(p []byte) (int, error) {
	if err := w.m.spend(len(p)); err != nil {
		return 0, err
	}
	return w.w.Write(p)
}

// templateControls are the statements of templates, without those that need other templates.
var templateControls = func() *exec.ControlStructureSet {
	set := map[string]parser.ControlStructureParser{}
	for _, name := range []string{"autoescape", "break", "call", "continue", "do", "filter", "for", "if", "macro", "raw", "set", "with"} {
		set[name], _ = builtins.ControlStructures.Get(name)
	}
	return exec.NewControlStructureSet(set)
}()

// globals are the functions of templates.
func (m *meter) globals() *exec.Context {
	set := map[string]any{"range": m.numbers}
	for _, name := range []string{"cycler", "dict", "joiner", "namespace"} {
		set[name], _ = builtins.GlobalFunctions.Get(name)
	}
	return exec.NewContext(set)
}

// numbers is range. Ten numbers cost a round.
func (m *meter) numbers(_ *exec.Evaluator, args *exec.VarArgs) ([]int, error) {
	bounds := []int{0, 0, 1}
	n := len(args.Args)
	if n < 1 || n > 3 {
		return nil, exec.ErrInvalidCall(errors.New("range takes 1 to 3 numbers"))
	}
	for i, a := range args.Args {
		if !a.IsInteger() {
			return nil, exec.ErrInvalidCall(errors.New("range takes whole numbers"))
		}
		if n == 1 {
			i = 1
		}
		bounds[i] = a.Integer()
	}
	start, stop, step := bounds[0], bounds[1], bounds[2]
	if step == 0 {
		return nil, exec.ErrInvalidCall(errors.New("the step of range must not be 0"))
	}
	out := []int{}
	for i := start; step > 0 && i < stop || step < 0 && i > stop; i += step {
		if len(out)%10 == 0 {
			if err := m.round(); err != nil {
				return nil, err
			}
		}
		out = append(out, i)
	}
	return out, nil
}

// tick is a statement that the author did not write: it counts a round of a loop and, around
// a body that can call itself, how deep that goes.
type tick struct {
	m    *meter
	at   *tokens.Token
	body *nodes.Wrapper // nil for a round alone
}

func (t *tick) Position() *tokens.Token { return t.at }
func (t *tick) String() string          { return "tick" }

// Execute implements exec.ControlStructure.
func (t *tick) Execute(r *exec.Renderer, _ *nodes.ControlStructureBlock) error {
	if err := t.m.round(); err != nil || t.body == nil {
		return err
	}
	if t.m.depth++; t.m.depth > maxMacroDepth {
		return t.m.stop("macros or loops call each other more than %d levels deep", maxMacroDepth)
	}
	defer func() { t.m.depth-- }()
	return nodes.Walk(r, t.body)
}

// round counts one round of a loop.
func (m *meter) round() error {
	if m.err != nil {
		return m.err
	}
	if m.rounds--; m.rounds < 0 {
		return m.stop("the template's loops run more than %d rounds", maxRounds)
	}
	if time.Now().After(m.until) {
		return m.stop("the template takes longer than %s", maxRender)
	}
	return nil
}

func (m *meter) tick(at *tokens.Token, body *nodes.Wrapper) nodes.Node {
	return &nodes.ControlStructureBlock{Location: at, Name: "tick", ControlStructure: &tick{m, at, body}}
}

// visit walks a parsed template, whose statements keep their parts to themselves, and puts
// the meter into its loops, macros and the operators that make text.
func (m *meter) visit(v reflect.Value, seen map[uintptr]bool) {
	switch v.Kind() {
	case reflect.Interface:
		m.visit(v.Elem(), seen)
	case reflect.Pointer:
		if v.IsNil() || seen[v.Pointer()] || v.Type() == reflect.TypeFor[*tokens.Token]() {
			return
		}
		seen[v.Pointer()] = true
		m.visit(v.Elem(), seen) // first what is inside, which is the author's
		m.amend(v)
	case reflect.Struct:
		for i := range v.NumField() {
			m.visit(v.Field(i), seen)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			m.visit(v.Index(i), seen)
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			m.visit(it.Value(), seen)
		}
	}
}

func (m *meter) amend(v reflect.Value) {
	switch v.Type() {
	case reflect.TypeFor[*controls.ForControlStructure]():
		loop := (*controls.ForControlStructure)(v.UnsafePointer())
		body := loop.BodyWrapper
		if loop.Recursive {
			m.deepen(body)
		} else {
			body.Nodes = append([]nodes.Node{m.tick(body.Location, nil)}, body.Nodes...)
		}
	case reflect.TypeFor[*nodes.Macro]():
		m.deepen((*nodes.Macro)(v.UnsafePointer()).Wrapper)
	case reflect.TypeFor[*nodes.BinaryExpression]():
		e := (*nodes.BinaryExpression)(v.UnsafePointer())
		switch e.Operator.Token.Type {
		case tokens.Addition, tokens.Multiply, tokens.Tilde:
			e.Left, e.Right = metered(e.Left, filterLeft), metered(e.Right, filterRight)
		}
	}
}

// deepen makes body, which can call itself, count how deep it is.
func (m *meter) deepen(body *nodes.Wrapper) {
	body.Nodes = []nodes.Node{m.tick(body.Location, &nodes.Wrapper{Location: body.Location, Nodes: body.Nodes})}
}

// The names of the filters around the operands, which no author can spell.
const (
	filterLeft  = "left operand"
	filterRight = "right operand"
)

func metered(e nodes.Expression, filter string) nodes.Expression {
	return &nodes.FilteredExpression{Expression: e, Filters: []*nodes.FilterCall{{Token: e.Position(), Name: filter}}}
}

func size(v *exec.Value) int {
	switch {
	case v.IsString():
		return len(v.String())
	case v.IsList(), v.IsDict():
		return 16 * v.Len()
	}
	return 16
}

// left remembers the size of an operator's left side.
func (m *meter) left(_ *exec.Evaluator, in *exec.Value, _ *exec.VarArgs) *exec.Value {
	m.operands = append(m.operands, operand{size(in), in.IsString()})
	return in
}

// right charges what the operator is about to make.
func (m *meter) right(_ *exec.Evaluator, in *exec.Value, _ *exec.VarArgs) *exec.Value {
	n := len(m.operands) - 1
	left := m.operands[n]
	m.operands = m.operands[:n]
	cost := left.size + size(in)
	if left.repeat && in.IsInteger() {
		times := in.Integer()
		if times > maxText {
			times = maxText
		}
		cost += left.size * max(times, 0)
	}
	if err := m.spend(cost); err != nil {
		return exec.AsValue(err)
	}
	return in
}

// widths are the filters and methods whose numbers say how long their text becomes.
var widths = map[string]bool{
	"batch": true, "center": true, "expandtabs": true, "format": true, "indent": true, "ljust": true, "pprint": true,
	"rjust": true, "slice": true, "tojson": true, "truncate": true, "wordwrap": true, "zfill": true,
}

// charge pays for a filter or method before it runs.
func (m *meter) charge(name string, in *exec.Value, args *exec.VarArgs) error {
	cost := size(in)
	longest := 0
	check := func(a *exec.Value) error {
		if widths[name] && a.IsNumber() && (a.Float() > maxWidth || a.Float() < -maxWidth) {
			return fmt.Errorf("%s takes numbers up to %d", name, maxWidth)
		}
		longest = max(longest, size(a))
		return nil
	}
	for _, a := range args.Args {
		if err := check(a); err != nil {
			return err
		}
	}
	for _, a := range args.KwArgs {
		if err := check(a); err != nil {
			return err
		}
	}
	switch name {
	case "replace":
		old := args.First().String()
		cost += strings.Count(in.String(), old) * longest
	case "join", "indent", "wordwrap", "urlize":
		n := in.Len()
		if name == "join" && in.IsString() {
			n = args.First().Len() // the method: the separator's
			longest = len(in.String())
		}
		cost += (n + 1) * longest
		if widths[name] && in.IsString() {
			cost += (strings.Count(in.String(), "\n") + 1) * maxWidth / 100
		}
	case "format":
		if n := strings.Count(in.String(), "%"); n > 200 {
			return errors.New("format takes up to 200 places")
		}
	}
	return m.spend(cost)
}

// filters are Jinja2's, each behind the meter. Random ones are left out.
func (m *meter) filters() *exec.FilterSet {
	set := map[string]exec.FilterFunction{filterLeft: m.left, filterRight: m.right}
	for _, name := range filterNames {
		f, ok := builtins.Filters.Get(name)
		if !ok {
			continue
		}
		set[name] = func(e *exec.Evaluator, in *exec.Value, args *exec.VarArgs) *exec.Value {
			if err := m.charge(name, in, args); err != nil {
				return exec.AsValue(err)
			}
			out := f(e, in, args)
			if out.IsString() {
				if err := m.spend(len(out.String())); err != nil {
					return exec.AsValue(err)
				}
			}
			return out
		}
	}
	return exec.NewFilterSet(set)
}

var filterNames = []string{
	"abs", "attr", "batch", "capitalize", "center", "count", "d", "default", "dictsort", "e", "escape", "filesizeformat",
	"first", "float", "forceescape", "format", "groupby", "indent", "int", "items", "join", "last", "length", "list",
	"lower", "map", "max", "min", "pprint", "reject", "rejectattr", "replace", "reverse", "round", "safe", "select",
	"selectattr", "slice", "sort", "string", "striptags", "sum", "title", "tojson", "trim", "truncate", "unique", "upper",
	"urlencode", "urlize", "wordcount", "wordwrap", "xmlattr",
}

// methods are Python's, as far as they change nothing and are bounded.
func (m *meter) methods() exec.Methods {
	str := meteredMethods(m, builtins.Methods.Str, "capitalize", "center", "count", "endswith", "find", "isalnum", "isalpha",
		"isdecimal", "isdigit", "islower", "isnumeric", "isspace", "istitle", "isupper", "join", "ljust", "lower", "lstrip",
		"partition", "removeprefix", "removesuffix", "rfind", "rjust", "rpartition", "rsplit", "rstrip", "split",
		"splitlines", "startswith", "strip", "swapcase", "title", "upper", "zfill")
	str["replace"] = m.replaceAll
	return exec.Methods{
		Bool:  exec.NewMethodSet(map[string]exec.Method[bool]{}),
		Int:   exec.NewMethodSet(map[string]exec.Method[int]{}),
		Float: exec.NewMethodSet(map[string]exec.Method[float64]{}),
		Str:   exec.NewMethodSet(str),
		Dict:  exec.NewMethodSet(meteredMethods(m, builtins.Methods.Dict, "get", "items", "keys", "values")),
		List:  exec.NewMethodSet(meteredMethods(m, builtins.Methods.List, "count", "index")),
	}
}

// replaceAll is the method str.replace; how often to replace may be left out.
func (m *meter) replaceAll(self string, in *exec.Value, args *exec.VarArgs) (any, error) {
	if len(args.Args) < 2 || len(args.Args) > 3 {
		return nil, errors.New("replace takes the old text, the new text and how often")
	}
	if err := m.charge("replace", in, args); err != nil {
		return nil, err
	}
	times := -1
	if len(args.Args) == 3 {
		times = args.Args[2].Integer()
	}
	return strings.Replace(self, args.Args[0].String(), args.Args[1].String(), times), nil
}

func meteredMethods[T any](m *meter, from *exec.MethodSet[T], names ...string) map[string]exec.Method[T] {
	set := map[string]exec.Method[T]{}
	for _, name := range names {
		f, ok := from.Get(name)
		if !ok {
			continue
		}
		set[name] = func(self T, in *exec.Value, args *exec.VarArgs) (any, error) {
			if err := m.charge(name, in, args); err != nil {
				return nil, err
			}
			return f(self, in, args)
		}
	}
	return set
}

package adapters

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/schemas"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// Kind is a sort of adapter: what tasks call it, what its instances need, what it can do.
type Kind struct {
	App     string // as tasks name it
	Name    string // of the kind, lower case; "" is App in lower case
	Version string
	Summary string
	// Config is the JSON Schema of an instance's configuration, most easily SchemaOf a
	// struct. Absent means that there is nothing to configure and no instance is needed.
	Config value.Value
	// Open makes what the calls of one instance share, once per instance and configuration,
	// before its first call; see [Client]. nil when there is nothing.
	// It is closed after the last call if it is an io.Closer.
	Open func(ctx context.Context, i Instance) (any, error)
	// Check tells what keeps an instance from working: it asks the outside system for something
	// cheap that changes nothing. client is what Open made. It is called now and then, and
	// when people ask. nil when there is nothing to look at.
	Check   func(ctx context.Context, i Instance, client any) error
	Methods []Spec
}

// Spec is a method of a kind; [Method] makes one.
type Spec struct {
	name      string
	summary   string
	incoming  value.Value
	outgoing  value.Value
	readOnly  bool
	canBlock  bool
	canWarn   bool
	plans     bool // in two halves, see Guarded
	validates bool
	checkedBy *schemas.Schema
	do        func(ctx context.Context, c *Call) Result
	single    bool // one output, resultName, because Out is no struct
}

// resultName is the output of a method whose Out is no struct.
const resultName = "result"

// Method declares a method that takes the fields of In, a struct, as parameters and gives
// those of Out as outputs; an Out that is no struct is one output called "result". The
// schemas of both are made by [SchemaOf]. do gets parameters that fit them: a null or empty
// optional parameter counts as not given, and a text that stands for a number or a boolean,
// as the canvas writes them, has become one. Outputs returned beside an [Error] of state failure count, too.
//
// Method panics when In is no struct, a programmer's mistake that shows at start-up.
func Method[In, Out any](name string, do func(ctx context.Context, c *Call, in In) (Out, error)) Spec {
	s := Spec{name: name, incoming: SchemaOf[In](), outgoing: SchemaOf[Out]()}
	if s.incoming.Get("type").Text() != "object" || !s.incoming.Has("properties") {
		panic(fmt.Sprintf("method %s: its parameters must be a struct", name))
	}
	if !s.outgoing.Has("properties") {
		s.outgoing = value.Object("type", value.String("object"), "properties", value.Object(resultName, s.outgoing))
		s.single = true
	}
	var err error
	if s.checkedBy, err = schemas.Compile(s.incoming); err != nil {
		panic(fmt.Sprintf("method %s: %v", name, err))
	}
	s.do = func(ctx context.Context, c *Call) Result {
		in, problem := s.parameters(c.Order.Incoming)
		if problem != nil {
			return result(ctx, problem)
		}
		var typed In
		if err := in.Decode(&typed); err != nil {
			return result(ctx, &Error{Class: engine.ClassInput, Text: "the parameters cannot be read: " + err.Error()})
		}
		out, err := do(ctx, c, typed)
		r := Result{State: workflows.Success}
		if err != nil {
			r = result(ctx, err)
		}
		if r.State == workflows.Success || r.State == workflows.Failure {
			r.Outgoing = value.Of(out)
			if s.single {
				if r.Outgoing.IsAbsent() {
					r.Outgoing = value.Null
				}
				r.Outgoing = value.Object(resultName, r.Outgoing)
			}
		}
		r.Changes = c.Changes
		return r
	}
	return s
}

// Says gives the method a line for people.
func (s Spec) Says(summary string) Spec { s.summary = summary; return s }

// ReadOnly declares that the method changes nothing outside.
func (s Spec) ReadOnly() Spec { s.readOnly = true; return s }

// MayBlock declares that the method may end blocked.
func (s Spec) MayBlock() Spec { s.canBlock = true; return s }

// MayWarn declares that a job may go on when the method fails.
func (s Spec) MayWarn() Spec { s.canWarn = true; return s }

// parameters tidies and checks what a task gives the method.
func (s *Spec) parameters(in value.Value) (value.Value, *Error) {
	if !in.IsObject() {
		in = value.Object()
	}
	in = tidy(s.incoming, in)
	violations := s.checkedBy.Check(in)
	if len(violations) == 0 {
		return in, nil
	}
	var lines []string
	for _, v := range violations {
		lines = append(lines, strings.TrimSpace(v.InstancePath+" "+v.Message))
	}
	return in, &Error{
		Class: engine.ClassInput, Text: fmt.Sprintf("the parameters of %s do not fit: %s", s.name, strings.Join(lines, "; ")), Retryable: new(bool),
	}
}

// tidy leaves out optional members without content and reads texts that stand for something else.
func tidy(schema, in value.Value) value.Value {
	required := func(name string) bool {
		return slices.ContainsFunc(schema.Get("required").Slice(), func(r value.Value) bool { return r.Text() == name })
	}
	for name, s := range schema.Get("properties").Members() {
		v := in.Get(name)
		kind := s.Get("type").Text()
		switch {
		case v.IsNull() && !required(name), v.IsString() && v.Text() == "" && kind != "string" && kind != "" && !required(name):
			in = in.Without(name)
		case v.IsString():
			in = in.With(name, read(v, kind))
		case v.IsObject() && kind == "object":
			in = in.With(name, tidy(s, v))
		}
	}
	return in
}

// read is the number or boolean that a text stands for, if one is wanted.
func read(v value.Value, kind string) value.Value {
	meant, err := value.Parse([]byte(strings.TrimSpace(v.Text())))
	switch {
	case err != nil:
	case (kind == "number" || kind == "integer") && meant.IsNumber(), kind == "boolean" && meant.IsBool():
		return meant
	}
	return v
}

func (k *Kind) name() string {
	if k.Name != "" {
		return k.Name
	}
	return strings.ToLower(k.App)
}

func (k *Kind) method(name string) (*Spec, bool) {
	i := slices.IndexFunc(k.Methods, func(s Spec) bool { return s.name == name })
	if i < 0 {
		return nil, false
	}
	return &k.Methods[i], true
}

// Manifest is the kind's adapter-manifest message, with the schema of its configuration.
func (k *Kind) Manifest() value.Value {
	var methods []value.Value
	for _, s := range k.Methods {
		var m value.Members
		m.Set("name", value.String(s.name))
		if s.summary != "" {
			m.Set("summary", value.String(s.summary))
		}
		m.Set("incoming", s.incoming).Set("outgoing", s.outgoing).Set("sideEffects", value.Bool(!s.readOnly))
		if s.canBlock {
			m.Set("canBlock", value.True)
		}
		if s.plans {
			m.Set("guarded", value.True)
		}
		if s.validates {
			m.Set("validates", value.True)
		}
		if s.canWarn {
			m.Set("canWarn", value.True)
		}
		methods = append(methods, m.Value())
	}
	var m value.Members
	m.Set("v", value.Int(Version)).Set("app", value.String(k.App)).Set("kind", value.String(k.name()))
	m.Set("version", value.String(k.Version))
	if k.Summary != "" {
		m.Set("summary", value.String(k.Summary))
	}
	m.Set("methods", value.Array(methods...))
	m.Set("config", k.Config)
	return m.Value()
}

// Catalog lists the kind's methods as the catalog and the canvas show them.
func (k *Kind) Catalog() []workflows.Method { return Catalog(k.Manifest()) }

// Catalog lists the methods of a manifest as the catalog and the canvas show them, by name.
func Catalog(manifest value.Value) []workflows.Method {
	var out []workflows.Method
	app := manifest.Get("app").Text()
	for _, s := range manifest.Get("methods").Elements() {
		name, summary := s.Get("name").Text(), s.Get("summary").Text()
		m := workflows.Method{
			App: app, Name: name, CanvasName: name, Summary: summary, Description: summary, DisplayName: app,
			Location: "Adapter", LocationType: app, Type: workflows.Automatic, CanBlock: s.Get("canBlock").Truth(), CanWarn: s.Get("canWarn").Truth(),
			Guarded: s.Get("guarded").Truth(), Validates: s.Get("validates").Truth(),
			Incoming: params(s.Get("incoming")), Outgoing: params(s.Get("outgoing")),
		}
		m.Incoming = append(m.Incoming, workflows.Param{
			Name: "adapter_id", Type: "string", Schema: value.Object("type", value.String("string")),
			Required: manifest.Has("config"), Description: "the adapter instance to use",
		})
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b workflows.Method) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func params(schema value.Value) []workflows.Param {
	var out []workflows.Param
	for name, s := range schema.Get("properties").Members() {
		p := workflows.Param{Name: name, Type: s.Get("type").Text(), Schema: s, Description: s.Get("description").Text()}
		for _, e := range s.Get("enum").Elements() {
			p.Values = append(p.Values, e.Text())
		}
		p.Required = slices.ContainsFunc(schema.Get("required").Slice(), func(r value.Value) bool { return r.Text() == name })
		out = append(out, p)
	}
	return out
}

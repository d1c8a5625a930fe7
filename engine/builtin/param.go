package builtin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

type params = []workflows.Param

// need is a required parameter.
func need(name, typ, text string) workflows.Param {
	return workflows.Param{Name: name, Type: typ, Description: text, Required: true}
}

// may is a parameter that can be left out.
func may(name, typ, text string) workflows.Param {
	return workflows.Param{Name: name, Type: typ, Description: text}
}

// oneOf is a parameter with a closed set of values.
func oneOf(p workflows.Param, values ...string) workflows.Param {
	p.Values = values
	return p
}

// gives is an output.
func gives(name, typ, text string) workflows.Param {
	return workflows.Param{Name: name, Type: typ, Description: text}
}

// method is the catalog entry of a task of the workflow engine.
func method(typ workflows.TaskType, group, name, canvas, summary string, in, out params) workflows.Method {
	m := workflows.Method{
		App: workFlowEngine, Name: name, CanvasName: canvas, Summary: summary, Description: summary,
		DisplayName: group, Location: workflows.LocationApplication, Type: typ, Incoming: in, Outgoing: out,
	}
	if typ != workflows.Manual {
		m.CanWarn = true
	}
	return m
}

func automatic(group, name, canvas, summary string, in, out params) workflows.Method {
	return method(workflows.Automatic, group, name, canvas, summary, in, out)
}

func operation(name, summary string, in, out params) workflows.Method {
	return method(workflows.Operation, workFlowEngine, name, name, summary, in, out)
}

// of moves an entry to another application.
func of(app string, m workflows.Method) workflows.Method {
	m.App = app
	return m
}

// open marks an entry whose original names its parameters in a way that is not public, so
// that documents may use others.
func open(m workflows.Method) workflows.Method {
	m.Open = true
	return m
}

// checked reads the incoming parameters as their catalog entries say: required ones must be
// there, text that stands for a number or a boolean becomes one, and empty text or null, as
// the canvas writes a field that nobody filled in, counts as not given for every type but
// text and any. Parameters that are not listed pass.
func checked(ps params, in value.Value) (value.Value, error) {
	if !in.IsObject() && !in.IsAbsent() {
		return value.Absent, badInput("the parameters must be an object, not %s", kindOf(in))
	}
	for _, p := range ps {
		v := in.Get(p.Name)
		got, err := coerced(p, v)
		if err != nil {
			return value.Absent, err
		}
		if got != v {
			in = in.With(p.Name, got)
		}
	}
	return in, nil
}

func coerced(p workflows.Param, v value.Value) (value.Value, error) {
	if p.Type == "" {
		return v, nil
	}
	if v.IsNothing() || p.Type != "string" && v.IsString() && v.Text() == "" {
		if p.Required {
			return value.Absent, badInput("the parameter %q must be %s, but is not there", p.Name, article(p.Type))
		}
		return value.Absent, nil
	}
	if v.Kind().String() == p.Type {
		if v.IsString() && len(p.Values) > 0 && !slices.Contains(p.Values, v.Text()) && (p.Required || v.Text() != "") {
			return value.Absent, badInput("the parameter %q must be one of %q, not %q", p.Name, p.Values, clip(v.Text()))
		}
		return v, nil
	}
	switch p.Type {
	case "number":
		if n, ok := number(v); ok {
			return value.Number(n), nil
		}
	case "boolean":
		switch v.Text() {
		case "true":
			return value.True, nil
		case "false":
			return value.False, nil
		}
	case "string":
		if !v.IsArray() && !v.IsObject() {
			return value.String(text(v)), nil
		}
	}
	return value.Absent, badInput("the parameter %q must be %s, not %s", p.Name, article(p.Type), kindOf(v))
}

func kindOf(v value.Value) string {
	if v.IsAbsent() {
		return "nothing"
	}
	return article(v.Kind().String())
}

func article(typ string) string {
	switch {
	case typ == "null":
		return typ
	case strings.ContainsRune("aeiou", rune(typ[0])):
		return "an " + typ
	}
	return "a " + typ
}

func clip(s string) string {
	if len(s) > 60 {
		return s[:57] + "..."
	}
	return s
}

// name is a parameter that must hold a text that is not empty.
func name(in value.Value, param string) (string, error) {
	s := in.Get(param).Text()
	if s == "" {
		return "", badInput("the parameter %q must not be empty", param)
	}
	return s, nil
}

func badInput(format string, args ...any) error {
	return &problem{class: classInput, text: fmt.Sprintf(format, args...)}
}

package workflows

import (
	"slices"
	"strings"

	"github.com/heddlehq/heddle/workflows/value"
)

// references checks every place of the incoming parameters that reads something, and every
// text that looks as if it did.
func (v *validator) references(t *Task, at string) {
	for _, r := range t.Reads() {
		v.reference(t, r, at+r.At)
	}
	resolved := make(map[string]bool)
	t.MapRefs(func(at string, r Ref) value.Value {
		resolved[at] = true
		return value.Null
	})
	for name, in := range t.Incoming.Members() {
		v.texts(in, pointer(name), at, in.IsString(), resolved)
	}
}

// texts warns of text that looks like a reference but is passed on as it is, once for each
// outermost literal.
func (v *validator) texts(in value.Value, inside, at string, first bool, resolved map[string]bool) bool {
	if resolved[inside] {
		return false
	}
	switch in.Kind() {
	case value.KindString:
		switch _, ok := ParseRef(in.Text()); {
		case ok:
			v.add("nested-reference", at+inside, "%s inside a literal is text and is not resolved; build the value with merge or a transformation.", quote(in.Text()))
			return true
		case first && strings.HasPrefix(in.Text(), "$var."):
			v.add("text-reference", at+inside, "%s is not of the form \"$var.<task>.<output>\" or \"$var.job.<name>\" and is passed on as text.", quote(in.Text()))
			return true
		}
	case value.KindArray:
		for i, e := range in.Elements() {
			if v.texts(e, inside+pointer(itoa(i)), at, false, resolved) {
				return true
			}
		}
	case value.KindObject:
		for key, m := range in.Members() {
			if v.texts(m, inside+pointer(key), at, false, resolved) {
				return true
			}
		}
	}
	return false
}

func (v *validator) reference(t *Task, r Read, at string) {
	if r.Task == JobTask {
		v.variableName(r.Name, at)
		return
	}
	from, ok := v.w.Task(r.Task)
	if !ok || IsReserved(r.Task) {
		v.add("unknown-ref-task", at, "The reference names the task %s, which the workflow does not have.", quote(r.Task))
		return
	}
	if r.Name == "error" {
		return
	}
	m, known := v.method(from)
	out, listed := Param{}, false
	if known {
		out, listed = m.Output(r.Name)
	}
	switch {
	case listed:
		v.referenceType(t, r, out, at)
	case known && !m.Open:
		v.add("unknown-output", at, "Task %q (%s) gives no output %s; it gives %s.", from.ID, from.Name, quote(r.Name), listParams(m.Outgoing))
	case from.Outgoing.Has(r.Name):
	case strings.Contains(r.Name, "."):
		v.add("unknown-output", at, "Task %q (%s) gives no output %s; to reach into an output, use a query task or \"#/<pointer>\".", from.ID, from.Name, quote(r.Name))
	case from.Outgoing.Len() > 0:
		v.add("unlisted-output", at, "Task %q (%s) does not list the output %s among its outgoing parameters.", from.ID, from.Name, quote(r.Name))
	}
}

// referenceType warns when an output can never be what the parameter takes. Only whole
// parameters are compared, and only types that both sides state.
func (v *validator) referenceType(t *Task, r Read, out Param, at string) {
	m, known := v.method(t)
	if !known || r.Pointer != "" {
		return
	}
	p, ok := m.Param(strings.TrimPrefix(r.At, "/"))
	if !ok {
		return
	}
	gives, takes := out.types(), p.types()
	if len(gives) == 0 || len(takes) == 0 || slices.ContainsFunc(gives, func(g string) bool { return slices.ContainsFunc(takes, func(t string) bool { return meets(g, t) }) }) {
		return
	}
	v.add("reference-type", at, "%q of %s takes %s, but %q of task %q is %s.",
		p.Name, t.Name, strings.Join(takes, " or "), r.Name, r.Task, strings.Join(gives, " or "))
}

func meets(a, b string) bool {
	if a == "integer" {
		a = "number"
	}
	if b == "integer" {
		b = "number"
	}
	return a == b || a == "null"
}

package workflows

import (
	"strings"

	"github.com/heddlehq/heddle/workflows/value"
)

// JobTask and StaticTask are the two names that stand where a reference names its task.
const (
	JobTask    = "job"    // the job's variables
	StaticTask = "static" // a literal
)

// Ref is a reference to a value that a task reads when it starts.
type Ref struct {
	Task    string      // JobTask, StaticTask or a task id
	Name    string      // job variable or output name; "error" on a task is its error object
	Pointer string      // optional JSON pointer into the value, after '#'
	Static  value.Value // the literal when Task is StaticTask; Absent = none given
}

// ParseRef reads "$var.job.<name>" and "$var.<task>.<output>", each with an optional
// "#/<pointer>". It is false when s is not a reference but a plain string; only a whole
// string can be one.
func ParseRef(s string) (Ref, bool) {
	rest, ok := strings.CutPrefix(s, "$var.")
	if !ok {
		return Ref{}, false
	}
	task, name, ok := strings.Cut(rest, ".")
	if !ok || task == "" || name == "" || strings.ContainsAny(task, " \t\n") {
		return Ref{}, false
	}
	r := Ref{Task: task}
	r.Name, r.Pointer, _ = strings.Cut(name, "#")
	if r.Pointer != "" && r.Pointer[0] != '/' || r.Name == "" {
		return Ref{}, false
	}
	return r, true
}

// ParseVariable reads an outgoing or error binding, "$var.job.<name>", and gives the job
// variable's name.
func ParseVariable(s string) (string, bool) {
	r, ok := ParseRef(s)
	return r.Name, ok && r.Task == JobTask && r.Pointer == ""
}

// ObjectRef reads the object form of merge, evaluation and childJob: a task and, under key
// ("variable" or "value"), a name or the literal of a static.
func ObjectRef(v value.Value, key string) (Ref, bool) {
	task := v.Get("task").Text()
	if task == "" {
		return Ref{}, false
	}
	if task == StaticTask {
		return Ref{Task: task, Static: v.Get(key)}, true
	}
	name := v.Get(key)
	if !name.IsString() || name.Text() == "" {
		return Ref{}, false
	}
	return Ref{Task: task, Name: name.Text()}, true
}

// Read is one place of a task's incoming parameters that reads a value.
type Read struct {
	Ref
	At string // JSON pointer inside the incoming object
}

// nested names the parameters whose direct children may be references.
var nested = map[[3]string]bool{
	{"WorkFlowEngine", "transformation", "variableMap"}: true,
	{"GatewayManager", "runCode", "data"}:               true,
	{"GatewayManager", "runService", "params"}:          true,
	{"GatewayManager", "runServiceStatic", "params"}:    true,
	{"AgentSessionManager", "runAgent", "inputs"}:       true,
}

// Shape tells how a task's incoming object holds its references.
type Shape int

// The shapes of incoming objects.
const (
	ShapeGeneric    Shape = iota // first-level strings
	ShapeMerge                   // data_to_merge[].value {task, variable}
	ShapeEvaluation              // evaluation_groups[].evaluations[].operand_1/2 {task, variable}
	ShapeChildJob                // variables.<name> {task, value}, the rest generic
)

// Shape tells how t's incoming object holds its references.
func (t *Task) Shape() Shape {
	if t.App == "WorkFlowEngine" {
		switch t.Name {
		case "merge", "deepmerge":
			return ShapeMerge
		case "evaluation":
			return ShapeEvaluation
		case "childJob":
			return ShapeChildJob
		}
	}
	return ShapeGeneric
}

// IsNested tells whether the direct children of the parameter may be references.
func (t *Task) IsNested(param string) bool { return nested[[3]string{t.App, t.Name, param}] }

// Reads lists every reference in t's incoming parameters, in document order.
func (t *Task) Reads() []Read {
	var out []Read
	t.MapRefs(func(at string, r Ref) value.Value {
		if r.Task != StaticTask {
			out = append(out, Read{Ref: r, At: at})
		}
		return value.Null
	})
	return out
}

// MapRefs returns t's incoming object with each reference replaced by what resolve gives for
// it; Absent leaves the member out of its object. Objects of the form {task, variable} are
// replaced whole, statics included. Everything else stays as it is.
func (t *Task) MapRefs(resolve func(at string, r Ref) value.Value) value.Value {
	shape := t.Shape()
	var out value.Members
	for key, v := range t.Incoming.Members() {
		at := pointer(key)
		switch {
		case shape == ShapeMerge && key == "data_to_merge" && v.IsArray():
			v = mapElements(v, at, func(at string, e value.Value) value.Value {
				return mapObjectRef(e, at, "value", "variable", resolve)
			})
		case shape == ShapeEvaluation && key == "evaluation_groups" && v.IsArray():
			v = mapElements(v, at, func(at string, group value.Value) value.Value {
				list := group.Get("evaluations")
				if !list.IsArray() {
					return group
				}
				return group.With("evaluations", mapElements(list, at+"/evaluations", func(at string, e value.Value) value.Value {
					e = mapObjectRef(e, at, "operand_1", "variable", resolve)
					return mapObjectRef(e, at, "operand_2", "variable", resolve)
				}))
			})
		case shape == ShapeChildJob && key == "variables" && v.IsObject():
			var vars value.Members
			for name, m := range v.Members() {
				if r, ok := ObjectRef(m, "value"); ok {
					m = resolveRef(at+pointer(name), r, resolve)
				}
				vars.Set(name, m)
			}
			v = vars.Value()
		case v.IsString():
			if r, ok := ParseRef(v.Text()); ok {
				v = resolve(at, r)
			}
		case v.IsObject() && t.IsNested(key):
			var m value.Members
			for name, c := range v.Members() {
				if r, ok := ParseRef(c.Text()); ok {
					c = resolve(at+pointer(name), r)
				}
				m.Set(name, c)
			}
			v = m.Value()
		}
		out.Set(key, v)
	}
	return out.Value()
}

func mapElements(list value.Value, at string, f func(at string, e value.Value) value.Value) value.Value {
	out := make([]value.Value, 0, list.Len())
	for i, e := range list.Elements() {
		out = append(out, f(at+pointer(itoa(i)), e))
	}
	return value.Array(out...)
}

func mapObjectRef(holder value.Value, at, member, key string, resolve func(string, Ref) value.Value) value.Value {
	if r, ok := ObjectRef(holder.Get(member), key); ok {
		return holder.With(member, resolveRef(at+pointer(member), r, resolve))
	}
	return holder
}

func resolveRef(at string, r Ref, resolve func(string, Ref) value.Value) value.Value {
	if r.Task == StaticTask {
		return r.Static
	}
	return resolve(at, r)
}

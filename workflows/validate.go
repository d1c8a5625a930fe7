package workflows

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/heddlehq/heddle/workflows/value"
)

// Load reads a workflow document and reports every problem of its form and its meaning, in
// the order of their places. The arguments are those of [Validate].
func Load(doc value.Value, c Catalog, r Resolver) (*Workflow, Problems) {
	w, problems := Parse(doc)
	if !IsSequence(w.Doc) { // else its steps cannot be read as tasks
		problems = append(problems, Validate(w, c, r)...)
	}
	if IsSequence(doc) {
		problems.inSteps()
	}
	problems.sort()
	return w, problems
}

// Validate reports what is wrong with the meaning of a workflow that [Parse] read: names,
// parameters, references, the graph, and what can be proved about its runs. Without a catalog
// it checks no parameters, without a resolver no references to other documents. Codes and
// levels are those of [Checks].
func Validate(w *Workflow, c Catalog, r Resolver) Problems {
	v := &validator{w: w, catalog: c, resolver: r}
	v.names()
	if len(w.Tasks) > mostTasks {
		return v.problems
	}
	v.graph = newGraph(w)
	for i := range w.Tasks {
		if t := &w.Tasks[i]; !IsReserved(t.ID) {
			v.task(t)
		}
	}
	v.transitions()
	v.prove()
	v.problems.locate(w)
	v.problems.sort()
	return v.problems
}

type validator struct {
	w        *Workflow
	catalog  Catalog
	resolver Resolver
	graph    *graph
	problems Problems
}

// add reports a problem with the level its code has in the table.
func (v *validator) add(code, at, format string, args ...any) *Problem {
	v.problems = append(v.problems, Problem{Level: levels[code], Pointer: at, Code: code, Text: fmt.Sprintf(format, args...)})
	return &v.problems[len(v.problems)-1]
}

func (ps Problems) sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Pointer, b.Pointer), cmp.Compare(a.Code, b.Code))
	})
}

// locate names the task of every problem whose place lies in one.
func (ps Problems) locate(w *Workflow) {
	for i := range ps {
		p := &ps[i]
		tokens, err := value.SplitPointer(p.Pointer)
		if err == nil && len(tokens) > 1 && tokens[0] == "steps" {
			if i, err := strconv.Atoi(tokens[1]); err == nil && p.Task == "" {
				p.Task = w.Doc.Get("steps").At(i).Get("task").Text()
			}
			continue
		}
		if p.Task != "" || err != nil || len(tokens) < 2 || tokens[0] != "tasks" && tokens[0] != "transitions" {
			continue
		}
		p.Task = tokens[1]
		if t, ok := w.Task(p.Task); ok {
			p.Name = t.Name
		}
	}
}

// mostTasks bounds a workflow, so that no check on it takes long.
const mostTasks = 10_000

// longestName bounds names, which stand in indexes, subjects and addresses.
const longestName = 1024

func (v *validator) names() {
	if n := len(v.w.Tasks); n > mostTasks {
		v.add("size", "/tasks", "The workflow has %d tasks; at most %d are allowed. Split it into child jobs.", n, mostTasks)
	}
	name := v.w.Name
	project, _ := SplitName(name)
	switch {
	case len(name) > longestName:
		v.add("name", "/name", "The name has %d bytes; at most %d are allowed.", len(name), longestName)
	case strings.HasPrefix(name, "@") && project == "":
		v.add("name", "/name", "A name may begin with '@' only in the form \"@<project id>: <name>\".")
	case strings.ContainsFunc(name, isControl):
		v.add("name", "/name", "A name must not contain control characters.")
	}
	for _, id := range []string{StartID, EndID} {
		if _, ok := v.w.Task(id); !ok {
			v.add("required", pointer("tasks", id), "The workflow needs a task %q.", id)
		}
	}
	for i := range v.w.Tasks {
		v.taskID(v.w.Tasks[i].ID)
	}
}

func (v *validator) taskID(id string) {
	switch {
	case IsReserved(id) || isHex(id, 1, 4):
	case id == "" || id == JobTask || id == StaticTask || strings.ContainsAny(id, ".# \t\r\n") || strings.ContainsFunc(id, isControl):
		v.add("task-id", pointer("tasks", id),
			"The task id %s cannot stand in a reference; use 1 to 4 hexadecimal digits.", quote(id))
	default:
		v.add("task-id-form", pointer("tasks", id),
			"The task id %s should be 1 to 4 hexadecimal digits; Itential Platform refuses others.", quote(id))
	}
}

// variableName checks a job variable's name where a task reads or writes it.
func (v *validator) variableName(name, at string) {
	if name == "" || len(name) > longestName || strings.Contains(name, ".") || strings.ContainsFunc(name, isControl) {
		v.add("variable-name", at, "%s is no name for a job variable: it must be 1 to %d bytes without '.' and control characters.",
			quote(name), longestName)
	}
}

// written checks a job variable's name where a task writes it.
func (v *validator) written(name, at string) {
	if IsBuiltIn(name) {
		v.add("built-in-variable", at, "The job variable %q belongs to the engine and cannot be written.", name)
		return
	}
	v.variableName(name, at)
}

// IsBuiltIn tells whether the job variable is set by the engine and is never an input.
func IsBuiltIn(name string) bool { return name == "_id" || name == "initiator" }

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// quote shows text from a document in a message, shortened.
func quote(s string) string {
	const most = 60
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}

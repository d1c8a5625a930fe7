package engine_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// Workflows in tests are written as a full document, or line by line:
//
//	S -> a            a standard success transition; S is the start, E the end
//	a -f-> b, c       failure; also -s-> success, -e-> error, -l-> loop
//	b =s=> a          a revert transition
//	a: query {...}    what a task is: a task type and a JSON object
//	workflow: {...}   members of the workflow document
//
// In a task's object "incoming", "outgoing" and "error" are its variables, all other members
// belong to the task. A task that is not described is Test.work, an adapter's method with
// open outputs. A line that begins with a space goes on with the line before.

var states = map[string]workflows.FinishState{
	"s": workflows.Success, "f": workflows.Failure, "e": workflows.Failed, "l": workflows.Loop,
}

func parseWorkflow(t testing.TB, text string) *workflows.Workflow {
	t.Helper()
	var doc value.Value
	if strings.HasPrefix(text, "{") {
		doc = value.MustParse(text)
	} else {
		var err error
		if doc, err = parseNotation(text); err != nil {
			t.Fatal(err)
		}
	}
	w, problems := workflows.Parse(doc)
	if err := problems.Err(); err != nil {
		t.Fatalf("workflow: %v", err)
	}
	return w
}

func parseNotation(text string) (value.Value, error) {
	var tasks, transitions value.Members
	out := make(map[string]*value.Members) // the transitions of each task
	declare := func(id string) string {
		switch id {
		case "S":
			id = workflows.StartID
		case "E":
			id = workflows.EndID
		}
		if out[id] == nil {
			out[id] = new(value.Members)
			tasks.Set(id, taskDoc(id, "", value.Object()))
		}
		return id
	}
	declare("S")
	declare("E")
	doc := value.Object("name", value.String("test"), "type", value.String("automation"))
	for line := range strings.SplitSeq(strings.ReplaceAll(strings.TrimSpace(text), "\n ", " "), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Fields(line)
		if name, ok := strings.CutSuffix(fields[0], ":"); ok {
			kind, object, _ := strings.Cut(strings.TrimSpace(line[len(fields[0]):]), " ")
			if strings.HasPrefix(kind, "{") {
				kind, object = "", strings.TrimSpace(line[len(fields[0]):])
			}
			v := value.Object()
			if object = strings.TrimSpace(object); object != "" {
				var err error
				if v, err = value.Parse([]byte(object)); err != nil {
					return doc, fmt.Errorf("%s: %w", line, err)
				}
			}
			if name == "workflow" {
				doc = engine.Merged(doc, v)
				continue
			}
			declare(name)
			tasks.Set(name, taskDoc(name, kind, v))
			continue
		}
		if len(fields) < 3 {
			return doc, fmt.Errorf("%q is neither a transition nor a description", line)
		}
		arrow := fields[1]
		kind, state := workflows.Standard, workflows.Success
		if arrow != "->" {
			if arrow[0] == '=' {
				kind = workflows.Revert
			}
			state = states[strings.Trim(arrow, "-=>")]
		}
		from := declare(fields[0])
		for to := range strings.SplitSeq(strings.Join(fields[2:], ""), ",") {
			to = declare(to)
			out[from].Set(to, value.Object("type", value.String(string(kind)), "state", value.String(string(state))))
		}
	}
	for _, from := range slices.Sorted(maps.Keys(out)) {
		transitions.Set(from, out[from].Value())
	}
	return doc.With("tasks", tasks.Value()).With("transitions", transitions.Value()), nil
}

// taskDoc is a task document with what every task has and the test does not care for.
func taskDoc(id, kind string, over value.Value) value.Value {
	if workflows.IsReserved(id) {
		return value.Object("name", value.String(id))
	}
	app, name, ok := strings.Cut(kind, ".")
	if !ok {
		app, name = "WorkFlowEngine", kind
	}
	if kind == "" {
		app, name = "Test", "work"
	}
	typ, location := workflows.Operation, workflows.LocationApplication
	switch {
	case name == "ViewData":
		typ = workflows.Manual
	case app == "Test":
		typ, location = workflows.Automatic, workflows.LocationAdapter
	}
	vars := value.Object("incoming", value.Object(), "outgoing", value.Object(), "error", value.String(""))
	task := value.Object("name", value.String(name), "app", value.String(app), "type", value.String(string(typ)), "location", value.String(location))
	for k, v := range over.Members() {
		if vars.Has(k) {
			vars = vars.With(k, v)
		} else {
			task = task.With(k, v)
		}
	}
	return task.With("variables", vars)
}

package workflowtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/heddlehq/heddle/workflows/value"
)

// Step is one task to draw.
type Step struct {
	id   string
	body string // its JSON
}

// Adapter is a task of an outside system; incoming and extra are JSON, extra is further
// members of the task. What it returns is not kept.
func Adapter(id, app, method, incoming, extra string) Step {
	return Task(id, method, "Adapter", app, "automatic", "Pronghorn", incoming, `{"result":null}`, extra)
}

// Operation is a built-in task of the workflow engine.
func Operation(id, method, incoming, outgoing string) Step {
	actor := "Pronghorn"
	if method == "childJob" || method == "forEach" {
		actor = "job"
	}
	return Task(id, method, "Application", "WorkFlowEngine", "operation", actor, incoming, outgoing, "")
}

// Person is a task that waits for somebody.
func Person(id string) Step {
	return Task(id, "ViewData", "Application", "WorkFlowEngine", "manual", "",
		`{"header":"h","message":"m","body":"b","variables":"","btn_success":"Yes","btn_failure":"No"}`, `{}`,
		`"view":"/workflow_engine/task/ViewData"`)
}

// Task is any task; incoming and outgoing are JSON, extra is further members.
func Task(id, method, location, app, kind, actor, incoming, outgoing, extra string) Step {
	if extra != "" {
		extra = "," + extra
	}
	if actor != "" {
		extra += fmt.Sprintf(`,"actor":%q`, actor)
	}
	return Step{id, fmt.Sprintf(`{"name":%q,"canvasName":%q,"summary":"","description":"","location":%q,"locationType":%q,"app":%q,"displayName":%q,
		"type":%q,"groups":[],"variables":{"incoming":%s,"outgoing":%s,"error":"","decorators":[]}%s}`,
		method, method, location, app, app, app, kind, incoming, outgoing, extra)}
}

// Draw makes a workflow. Edges are words such as "start>a1", "a1>end" and "a1:error>b1". It
// panics when a step is not JSON.
func Draw(name, edges string, steps ...Step) value.Value {
	text := `{"workflow_start":{"name":"workflow_start","groups":[]},"workflow_end":{"name":"workflow_end","groups":[]}`
	targets := map[string][]string{"workflow_start": nil, "workflow_end": nil}
	for _, s := range steps {
		text += fmt.Sprintf(",%q:%s", s.id, s.body)
		targets[s.id] = nil
	}
	end := func(id string) string {
		if id == "start" || id == "end" {
			return "workflow_" + id
		}
		return id
	}
	for _, e := range strings.Fields(edges) {
		from, to, _ := strings.Cut(e, ">")
		from, state, special := strings.Cut(from, ":")
		if !special {
			state = "success"
		}
		kind := "standard"
		if s, ok := strings.CutPrefix(state, "revert-"); ok {
			kind, state = "revert", s
		}
		targets[end(from)] = append(targets[end(from)], fmt.Sprintf(`%q:{"type":%q,"state":%q}`, end(to), kind, state))
	}
	var transitions []string
	for _, id := range slices.Sorted(maps.Keys(targets)) {
		transitions = append(transitions, fmt.Sprintf("%q:{%s}", id, strings.Join(targets[id], ",")))
	}
	return value.MustParse(fmt.Sprintf(`{"name":%q,"type":"automation","canvasVersion":3,"groups":[],"tasks":%s},"transitions":{%s}}`,
		name, text, strings.Join(transitions, ",")))
}

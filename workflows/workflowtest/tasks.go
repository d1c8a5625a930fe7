package workflowtest

import (
	"fmt"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// outputs names the output of each kind of task.
var outputs = map[string]string{
	"adapter":     "result",
	"childJob":    "job_details",
	"delay":       "time_in_milliseconds",
	"evaluation":  "return_value",
	"forEach":     "current_item",
	"merge":       "merged_object",
	"newVariable": "value",
	"query":       "return_data",
	"stub":        "response",
}

// ref picks something that can be read when t starts: an input, an output, an error, or a job
// variable that an earlier task sets.
func (g *generator) ref(t *place) (task, name string) {
	if len(t.before) == 0 || g.oneIn(3) {
		return workflows.JobTask, Inputs().Keys()[g.choose(4)]
	}
	from := t.before[g.choose(len(t.before))]
	switch {
	case from.writes != "" && g.oneIn(2):
		return workflows.JobTask, from.writes
	case outputs[from.kind] == "" || from.kind != "forEach" && g.oneIn(5):
		return from.id, "error"
	}
	return from.id, outputs[from.kind]
}

func (g *generator) text(t *place) value.Value {
	task, name := g.ref(t)
	return value.String("$var." + task + "." + name)
}

// operand is a reference in the object form.
func (g *generator) operand(t *place, key string) value.Value {
	task, name := g.ref(t)
	return value.Object("task", value.String(task), key, value.String(name))
}

func static(key string, v value.Value) value.Value {
	return value.Object("task", value.String(workflows.StaticTask), key, v)
}

// fill writes t's document.
func (g *generator) fill(t *place) {
	name, app, kind := t.kind, "WorkFlowEngine", workflows.Operation
	var in value.Members
	switch t.kind {
	case "adapter":
		name, app, kind = "getDevices", "Inventory", workflows.Automatic
		in.Set("adapter_id", value.String("inventory")).Set("filter", g.text(t))
	case "childJob":
		in.Set("task", value.String("")).
			Set("workflow", value.String(g.o.Children[g.choose(len(g.o.Children))])).
			Set("variables", value.Object("object", g.operand(t, "value"), "number", static("value", value.Int(int64(g.choose(10)))))).
			Set("data_array", value.String("")).Set("transformation", value.String("")).Set("loopType", value.String(""))
	case "delay":
		in.Set("time", value.Int(int64(1+g.choose(60))))
	case "evaluation":
		ops := workflows.Operators()
		in.Set("all_true_flag", value.Bool(g.oneIn(2))).
			Set("evaluation_groups", value.Array(value.Object("all_true_flag", value.Bool(g.oneIn(2)),
				"evaluations", value.Array(value.Object(
					"operand_1", g.operand(t, "variable"), "query", value.String(""),
					"operator", value.String(ops[g.choose(len(ops))]),
					"operand_2", static("variable", value.Int(int64(g.choose(10)))), "rightQuery", value.String(""))))))
	case "forEach":
		in.Set("data_array", value.String("$var.job.list"))
	case "merge":
		var list []value.Value
		for i := range 1 + g.choose(3) {
			list = append(list, value.Object("key", value.String(fmt.Sprintf("k%d", i)), "value", g.operand(t, "variable")))
		}
		in.Set("data_to_merge", value.Array(list...))
	case "newVariable":
		t.writes = fmt.Sprintf("v%d", g.choose(4))
		in.Set("name", value.String(t.writes)).Set("value", g.text(t))
	case "query":
		in.Set("pass_on_null", value.Bool(g.oneIn(3))).Set("query", value.String([]string{"a", "b", "missing"}[g.choose(3)])).
			Set("obj", g.text(t))
	case "stub":
		kind = workflows.Automatic
		in.Set("type", value.String("success")).Set("delay", value.Int(0)).Set("response", g.text(t))
	case "ViewData":
		kind = workflows.Manual
		in.Set("header", value.String("Look")).Set("message", value.String("Go on?")).Set("body", g.text(t)).
			Set("variables", value.String("")).Set("btn_success", value.String("Yes")).Set("btn_failure", value.String("No"))
	}
	var out value.Members
	if o := outputs[t.kind]; o != "" {
		bound := value.Null
		if t.writes == "" && g.oneIn(4) {
			t.writes = fmt.Sprintf("v%d", g.choose(4))
			bound = value.String("$var.job." + t.writes)
		}
		out.Set(o, bound)
	}
	caught := value.String("")
	if g.oneIn(8) {
		caught = value.String("$var.job.caught")
	}
	t.task = new(value.Members).Set("name", value.String(name)).Set("canvasName", value.String(name)).
		Set("summary", value.String(t.kind+" "+t.id)).Set("description", value.String("")).
		Set("app", value.String(app)).Set("displayName", value.String(app)).Set("type", value.String(string(kind))).
		Set("groups", value.Array())
	if t.kind == "adapter" {
		t.task.Set("location", value.String(workflows.LocationAdapter)).Set("locationType", value.String(app))
	} else {
		t.task.Set("location", value.String(workflows.LocationApplication)).Set("locationType", value.Null)
	}
	if kind == workflows.Manual {
		t.task.Set("view", value.String("/workflow_engine/task/ViewData"))
	} else {
		t.task.Set("actor", value.String(workflows.System))
	}
	t.task.Set("variables", value.Object("incoming", in.Value(), "outgoing", out.Value(), "error", caught, "decorators", value.Array()))
	if kind == workflows.Automatic && !g.o.NoRetries && g.oneIn(5) {
		t.task.Set("retrySettings", value.Object("state", value.Strings("error"), "autoRetry", value.True,
			"limit", value.Int(int64(1+g.choose(3))), "delay", value.Int(int64(1000*g.choose(4)))))
	}
}

func (g *generator) document() value.Value {
	var tasks, transitions, inputs value.Members
	for i, n := range g.places {
		at := value.Object("x", value.Int(0), "y", value.Int(int64(100*i)))
		if n.task == nil {
			n.task = new(value.Members).Set("name", value.String(n.id)).Set("groups", value.Array())
		}
		tasks.Set(n.id, n.task.Set("nodeLocation", at).Value())
		var out value.Members
		for _, e := range n.out {
			out.Set(e.to.id, value.Object("type", value.String(string(e.kind)), "state", value.String(string(e.state))))
		}
		transitions.Set(n.id, out.Value())
	}
	for name, v := range Inputs().Members() {
		inputs.Set(name, value.Object("type", value.String(v.Kind().String())))
	}
	return value.Object(
		"name", value.String("Random"), "type", value.String("automation"), "canvasVersion", value.Int(3),
		"font_size", value.Int(12), "groups", value.Array(), "tags", value.Array(),
		"preAutomationTime", value.Int(0), "sla", value.Int(0),
		"inputSchema", value.Object("type", value.String("object"), "properties", inputs.Value(), "required", value.Array()),
		"tasks", tasks.Value(), "transitions", transitions.Value())
}

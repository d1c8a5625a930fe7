package workflows_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

const identity = `{"name":"Identities","steps":[
	{"task":"Read HR","order":1,"app":"Lab","method":"read","adapter":"lab","incoming":{"target":"hr"}},
	{"task":"Read AD","order":1,"app":"Lab","method":"read","adapter":"lab","incoming":{"target":"ad"}},
	{"task":"Compute","app":"Lab","method":"compute","adapter":"lab","incoming":{"entries":"$var.Read HR.entries"},"parents":["Read HR"]},
	{"task":"Provision","order":2,"app":"Lab","method":"provision","adapter":"lab","runOn":"agent:site-1","guard":{"delete":5},
	 "incoming":{"target":"ad","entries":"$var.Compute.entries"},"parents":["Compute"]},
	{"task":"Export","order":7,"app":"Lab","method":"export","adapter":"lab","incoming":{"target":"ad"},"continueOnError":true,"parents":["Provision"]}]}`

// A sequence reads as a canvas workflow whose plan is the sequence's order.
func TestUC02_orderOfSteps(t *testing.T) {
	t.Parallel()
	w, problems := workflows.Load(value.MustParse(identity), nil, nil)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range w.Plan() {
		got = append(got, fmt.Sprintf("%d %s", p.Level, p.Identifier()))
	}
	if want := "1 Read HR, 1 Read AD, 2 Compute, 3 Provision, 4 Export"; strings.Join(got, ", ") != want {
		t.Errorf("plan %s, want %s", strings.Join(got, ", "), want)
	}
	task, _ := w.Task("04")
	if task.Pool != "site-1" || task.Guard.Limits[workflows.Delete].Max != 5 || !slices.Equal(task.Parents, []string{"03"}) ||
		task.Incoming.Get("entries").Text() != "$var.03.entries" || task.Location != workflows.LocationAdapter {
		t.Errorf("Provision became %+v", task)
	}
	// Stored, it still shows its steps; changed on the canvas, it is no sequence any more.
	stored := w.Normalise(nil)
	if !value.Equal(stored.Path("sequence", "steps"), value.MustParse(identity).Get("steps")) {
		t.Errorf("the steps are not kept: %s", stored.Get("sequence"))
	}
	again, _ := workflows.Parse(stored)
	if !value.Equal(again.Normalise(nil), stored) {
		t.Error("what is stored reads otherwise")
	}
	moved := stored.With("tasks", stored.Get("tasks").With("04", stored.Path("tasks", "04").With("nodeLocation", value.Object("x", value.Int(7)))))
	if w, _ := workflows.Parse(moved); !w.Doc.Has("sequence") {
		t.Error("a task moved on the canvas, and the steps are gone")
	}
	changed := stored.With("tasks", stored.Get("tasks").With("04", stored.Path("tasks", "04").With("guard", value.Object("delete", value.Int(50)))))
	if w, problems := workflows.Load(changed, nil, nil); w.Doc.Has("sequence") || problems.Err() != nil {
		t.Errorf("a task was changed on the canvas, and the old steps are still shown; %v", problems.Err())
	}
}

func TestSequence_refused(t *testing.T) {
	t.Parallel()
	step := func(more string) string { return `{"task":"A","app":"Lab","method":"echo"` + more + `}` }
	for doc, at := range map[string]string{
		``:                                 "/steps",
		`5`:                                "/steps/0",
		`{"app":"Lab","method":"m"}`:       "/steps/0/task",
		`{"task":"A","app":"Lab"}`:         "/steps/0/method",
		step(`,"order":1.5`):               "/steps/0/order",
		step(`,"order":-2`):                "/steps/0/order",
		step(`,"order":"first"`):           "/steps/0/order",
		step(`,"runOn":"moon"`):            "/steps/0/runOn",
		step(`,"runOn":"agent:"`):          "/steps/0/runOn",
		step(`,"parents":["B"]`):           "/steps/0/parents/0",
		step(`,"parents":["A"]`):           "/steps/0/parents/0",
		step(`,"wait":true`):               "/steps/0/wait",
		step(`,"guard":{"insert":1}`):      "/steps/0/guard/insert",
		step(``) + "," + step(``):          "/steps/1/task",
		step(`,"continueOnError":"maybe"`): "/steps/0/continueOnError",
	} {
		_, problems := workflows.Load(value.MustParse(`{"name":"x","steps":[`+doc+`]}`), nil, nil)
		if err := problems.Errors(); len(err) == 0 || err[0].Pointer != at {
			t.Errorf("%s: %v, want a problem at %q", doc, err, at)
		}
	}
}

// Whatever the orders, a step's group starts after all groups of lower orders, and steps
// without an order follow the step above them.
func TestUC03_groupsAscend(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		orders := rapid.SliceOfN(rapid.Int64Range(-1, 4), 1, 12).Draw(t, "orders")
		var steps []value.Value
		for i, o := range orders {
			steps = append(steps, value.Object("task", value.String(fmt.Sprint("s", i)), "app", value.String("Lab"), "method", value.String("m"), "order", value.Int(o)))
		}
		w, problems := workflows.Load(value.Object("name", value.String("x"), "steps", value.Array(steps...)), nil, nil)
		if err := problems.Err(); err != nil {
			t.Fatal(err)
		}
		level := map[string]int{}
		for _, p := range w.Plan() {
			level[p.Step] = p.Level
		}
		for i, a := range orders {
			if a == -1 && i > 0 && level[fmt.Sprint("s", i)] <= level[fmt.Sprint("s", i-1)] {
				t.Errorf("step %d does not follow the one above it: %v in %v", i, level, orders)
			}
			for j, b := range orders {
				la, lb := level[fmt.Sprint("s", i)], level[fmt.Sprint("s", j)]
				if a >= 0 && b >= 0 && (a < b && la >= lb || a == b && la != lb) {
					t.Errorf("orders %d and %d have levels %d and %d", a, b, la, lb)
				}
			}
		}
	})
}

func TestUC20_select(t *testing.T) {
	t.Parallel()
	w, _ := workflows.Parse(value.MustParse(identity))
	for name, tc := range map[string]struct {
		s       workflows.Selection
		want    string
		unknown bool
	}{
		"all":                     {workflows.Selection{}, "", false},
		"range":                   {workflows.Selection{Begin: "Read AD", End: "Provision"}, "02 03 04", false},
		"from":                    {workflows.Selection{Begin: "Compute"}, "03 04 05", false},
		"to, by id":               {workflows.Selection{End: "02"}, "01 02", false},
		"one":                     {workflows.Selection{Begin: "Compute", End: "Compute"}, "03", false},
		"backwards":               {workflows.Selection{Begin: "Provision", End: "Read AD"}, "end: ", false},
		"unknown begin":           {workflows.Selection{Begin: "Z"}, "begin: ", true},
		"UC-21, only":             {workflows.Selection{Only: "Compute"}, "03", false},
		"UC-21, unknown":          {workflows.Selection{Only: "compute"}, "only: ", true},
		"UC-22, first of type":    {workflows.Selection{FirstOfType: "read"}, "01", false},
		"UC-22, with app":         {workflows.Selection{FirstOfType: "Lab.provision"}, "04", false},
		"UC-22, none":             {workflows.Selection{FirstOfType: "write"}, "firstOfType: ", true},
		"UC-22, out of the range": {workflows.Selection{FirstOfType: "read", Begin: "Compute"}, "firstOfType: ", true},
		"UC-23, contains":         {workflows.Selection{Contains: "Read"}, "01 02", false},
		"UC-23, in a range":       {workflows.Selection{Contains: "o", Begin: "Provision"}, "04 05", false},
		"UC-23, none":             {workflows.Selection{Contains: "xyz"}, "contains: ", true},
		"two ways":                {workflows.Selection{Contains: "o", Only: "Compute"}, "contains: ", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ids, err := workflows.Select(w.Plan(), tc.s)
			got := strings.Join(ids, " ")
			if e, ok := err.(*workflows.SelectionError); ok {
				if got = e.Option + ": "; e.Unknown != tc.unknown {
					t.Errorf("unknown is %v: %v", e.Unknown, err)
				}
			}
			if got != tc.want {
				t.Errorf("got %q, %v, want %q", got, err, tc.want)
			}
		})
	}
}

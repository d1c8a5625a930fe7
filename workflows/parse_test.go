package workflows

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/heddlehq/heddle/workflows/value"
)

// minimal is a small valid document.
const minimal = `{"name":"Ping","tasks":{
	"workflow_start":{"name":"workflow_start"},
	"a1":{"name":"query","app":"WorkFlowEngine","location":"Application","type":"operation","description":"",
		"variables":{"incoming":{"pass_on_null":false,"query":"reply","obj":"$var.job.host"},"outgoing":{"return_data":"$var.job.reply"},"error":""}},
	"workflow_end":{"name":"workflow_end"}},
	"transitions":{"workflow_start":{"a1":{"type":"standard","state":"success"}},"a1":{"workflow_end":{"type":"standard","state":"success"}},"workflow_end":{},"f0":{}}}`

func TestParse(t *testing.T) {
	t.Parallel()
	w, problems := Parse(value.MustParse(minimal))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if len(w.Tasks) != 3 || len(w.Transitions) != 2 || w.Type != "automation" {
		t.Errorf("tasks %v, transitions %v, type %q", w.Tasks, w.Transitions, w.Type)
	}
	if diff := cmp.Diff([]string{"f0"}, w.Leftover); diff != "" {
		t.Errorf("left-over keys (-want +got):\n%s", diff)
	}
	if task, ok := w.Task("a1"); !ok || task.Name != "query" {
		t.Errorf("task a1 is %v, %v", task, ok)
	}
}

func TestParse_badForm(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		path, text string
		want       string
	}{
		"actor":                   {"/tasks/a1/actor", `7`, "type /tasks/a1/actor"},
		"children policy":         {"/tasks/a1/children", `{"onError":"cry"}`, "enum /tasks/a1/children/onError"},
		"decorators":              {"/decorators", `[{"pointer":"x"}]`, "decorator /decorators/0"},
		"end of the transition":   {"/transitions/a1/a2", `{"type":"standard","state":"success"}`, "dangling /transitions/a1/a2"},
		"error binding":           {"/tasks/a1/variables/error", `"$var.a1.x"`, "binding /tasks/a1/variables/error"},
		"groups":                  {"/groups", `[1]`, "type /groups/0"},
		"incoming":                {"/tasks/a1/variables/incoming", `[]`, "type /tasks/a1/variables/incoming"},
		"name":                    {"/name", `{}`, "type /name"},
		"name of a task":          {"/tasks/a1/name", `""`, "required /tasks/a1/name"},
		"retry jitter":            {"/tasks/a1/retrySettings", `{"jitter":2}`, "type /tasks/a1/retrySettings/jitter"},
		"retry limit":             {"/tasks/a1/retrySettings", `{"limit":1.5}`, "type /tasks/a1/retrySettings/limit"},
		"retry state":             {"/tasks/a1/retrySettings", `{"state":["sad"]}`, "enum /tasks/a1/retrySettings/state/0"},
		"service level":           {"/sla", `-1`, "type /sla"},
		"state of the transition": {"/transitions/a1/workflow_end/state", `"done"`, "enum /transitions/a1/workflow_end/state"},
		"task":                    {"/tasks/a1", `"query"`, "type /tasks/a1"},
		"tasks":                   {"/tasks", `[]`, "required /tasks"},
		"timeouts":                {"/tasks/a1/timeouts", `{"run":"soon"}`, "type /tasks/a1/timeouts/run"},
		"transition":              {"/transitions/a1/workflow_end", `true`, "type /transitions/a1/workflow_end"},
		"transitions":             {"/transitions", `null`, "required /transitions"},
		"transitions of a task":   {"/transitions/a1", `[]`, "type /transitions/a1"},
		"type of the transition":  {"/transitions/a1/workflow_end/type", `"sideways"`, "enum /transitions/a1/workflow_end/type"},
		"variables":               {"/tasks/a1/variables", ``, "required /tasks/a1/variables"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tokens, _ := value.SplitPointer(tc.path)
			v := value.Absent
			if tc.text != "" {
				v = value.MustParse(tc.text)
			}
			_, problems := Parse(value.MustParse(minimal).WithPath(tokens, v))
			if got := summary(problems); len(got) == 0 || got[0] != tc.want {
				t.Errorf("problems %v, want first %q", got, tc.want)
			}
			if problems.Err() == nil {
				t.Error("the document counts as usable")
			}
		})
	}
}

// Texts that are no JSON, or JSON that two readers could understand differently, never reach
// Parse; the error tells the place.
func TestParse_badText(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"duplicate keys": strings.Replace(minimal, `"name":"Ping"`, `"name":"Ping","name":"Pong"`, 1),
		"empty":          "",
		"invalid UTF-8":  strings.Replace(minimal, "Ping", "P\xffng", 1),
		"too deep":       strings.Replace(minimal, `"reply"`, strings.Repeat("[", 10_000)+strings.Repeat("]", 10_000), 1),
		"truncated":      minimal[:len(minimal)/2],
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := value.Parse([]byte(text))
			if _, ok := errors.AsType[*value.SyntaxError](err); !ok {
				t.Errorf("error %v, want a *value.SyntaxError", err)
			}
		})
	}
}

func TestParse_anyValue(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`null`, `1`, `"x"`, `[]`, `{}`, `{"tasks":{"":{}},"transitions":{"":{"":{}}}}`, `{"tasks":{"workflow_start":null},"transitions":{}}`} {
		_, problems := Load(value.MustParse(text), testCatalog, known)
		if problems.Err() == nil {
			t.Errorf("%s is no problem", text)
		}
	}
	if _, problems := Load(value.Absent, nil, nil); problems.Err() == nil {
		t.Error("nothing is no problem")
	}
}

func TestProblems_Err(t *testing.T) {
	t.Parallel()
	_, problems := Parse(value.MustParse(`{"tasks":1,"transitions":2,"name":3,"sla":"x","groups":4}`))
	err := problems.Err()
	if _, ok := errors.AsType[*Invalid](err); !ok || !strings.HasSuffix(err.Error(), "and 2 more") {
		t.Errorf("error %v", err)
	}
	if err := (Problems{{Level: Warning}}).Err(); err != nil {
		t.Errorf("warnings alone are the error %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(minimal))
	for name := range cases {
		if doc := cases[name].doc.String(); len(doc) < 1<<14 {
			f.Add([]byte(doc))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := value.ParseLast(data)
		if err != nil {
			return
		}
		w, problems := Load(doc, testCatalog, known)
		for _, p := range problems {
			if p.Pointer == "" && doc.IsObject() || p.Text == "" || levels[p.Code] != p.Level {
				t.Errorf("problem %+v says nothing or points nowhere", p)
			}
		}
		if doc.IsObject() && !value.Equal(w.Export(), doc.Without(serverFields...)) {
			t.Errorf("export %s of %s", w.Export(), doc)
		}
		ComputeSchemas(w, testCatalog)
		w.Normalise(testCatalog)
		if len(w.Revision()) != 64 {
			t.Errorf("revision %q", w.Revision())
		}
		for i := range w.Tasks {
			w.Tasks[i].Reads()
		}
		ParseProject(doc)
		ParseAutomation(doc)
		ParseTrigger(doc)
	})
}

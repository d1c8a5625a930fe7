package cli

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/heddlehq/heddle/workflows/value"
)

// sound is a workflow to be broken; %s stands for what is put into its parts.
const sound = `{"name":"Sound","type":"automation","groups":[],"tasks":{
 "workflow_start":{"name":"workflow_start","groups":[]},
 "a":{"name":"evaluation","canvasName":"evaluation","summary":"","description":"","location":"Application","app":"WorkFlowEngine","displayName":"WorkFlowEngine","type":"operation","actor":"Pronghorn","groups":[],
  "variables":{"incoming":{"all_true_flag":true,"evaluation_groups":[{"all_true_flag":true,"evaluations":[
    {"operand_1":{"task":"static","variable":1},"operator":"==","operand_2":{"task":"static","variable":1},"query":"","rightQuery":""}]}]},"outgoing":{"return_value":null},"error":"","decorators":[]}},
 "b":{"name":"newVariable","canvasName":"newVariable","summary":"","description":"","location":"Application","app":"WorkFlowEngine","displayName":"WorkFlowEngine","type":"operation","actor":"Pronghorn","groups":[],
  "variables":{"incoming":{"name":"x","value":1},"outgoing":{"value":null},"error":"","decorators":[]}},
 "workflow_end":{"name":"workflow_end","groups":[]}},
 "transitions":{"workflow_start":{"a":{"type":"standard","state":"success"}},"a":{"b":{"type":"standard","state":"success"}},"b":{"workflow_end":{"type":"standard","state":"success"}},"workflow_end":{}}}`

// TestBadInput sends a live server what it must refuse. Each refusal is a 4xx with words and,
// where there is a document, a pointer to the place; nothing is stored; the server lives on.
func TestBadInput(t *testing.T) {
	t.Parallel()
	p := serveLive(t)
	create := "/automation-studio/automations"
	body := func(doc string) string { return `{"automation":` + doc + `}` }
	for name, tc := range map[string]struct{ path, body, says string }{
		"truncated":          {create, body(sound[:300]), "/automation"},
		"10,000 levels deep": {create, strings.Repeat(`{"automation":`, 10_000), "nested deeper than 512"},
		"duplicate keys":     {create, body(strings.Replace(sound, `"name":"Sound"`, `"name":"Sound","name":"Other"`, 1)), `duplicate key`},
		"wrong type":         {create, body(`{"name":"X","tasks":[],"transitions":{}}`), "/tasks"},
		"no tasks":           {create, body(`{"name":"X","tasks":{},"transitions":{}}`), "/tasks"},
		"name of 1 MB":       {create, body(strings.Replace(sound, "Sound", strings.Repeat("n", 1<<20), 1)), "/name"},
		"invalid UTF-8":      {create, body(strings.Replace(sound, "Sound", "So\xffund", 1)), "invalid UTF-8"},
		"unknown workflow":   {jobs + "/start", `{"workflow":"Nope","options":{}}`, `\"Nope\"`},
		"unknown member":     {jobs + "/start", `{"workflow":"Nope","options":{},"extra":1}`, "extra"},
		"no options":         {jobs + "/start", `{"workflow":"Nope"}`, "options"},
		"unknown job":        {jobs + "/pause", `{"jobIds":["000000000000000000000000"]}`, "000000000000000000000000"},
		"not JSON":           {jobs + "/start", `workflow=x`, "value expected"},
	} {
		_, err := p.raw("POST", tc.path, tc.body)
		refused(t, name, err, tc.says)
	}
	// A document whose meaning is wrong is kept as a draft with its problems, as authors of
	// half-drawn workflows need; what is refused is to start it.
	for name, tc := range map[string]struct{ from, to, says string }{
		"unknown operator":    {`"operator":"=="`, `"operator":"=~"`, "/tasks/a/variables/incoming/evaluation_groups/0/evaluations/0/operator"},
		"dangling transition": {`"a":{"b":`, `"a":{"fff":`, "/transitions/a/fff"},
		"cycle":               {`"b":{"workflow_end":`, `"b":{"a":{"type":"standard","state":"failure"},"workflow_end":`, "/transitions/"},
		"unknown task":        {`"name":"newVariable"`, `"name":"newVariabel"`, "/tasks/b"},
		"wrong reference":     {`"value":1}`, `"value":"$var.c.x"}`, "/tasks/b/variables/incoming/value"},
	} {
		doc := value.MustParse(strings.Replace(sound, tc.from, tc.to, 1)).With("name", value.String(name))
		made := p.post(create, value.Object("automation", doc))
		if made.Path("created", "errors").Len() == 0 {
			t.Errorf("%s: stored without errors: %s", name, made)
		}
		_, err := p.api.post(t.Context(), jobs+"/start", value.Object("workflow", value.String(name), "options", value.Object()))
		refused(t, name, err, tc.says)
		check := p.post("/workflow_engine/workflows/validate", value.Object("asset", doc))
		if check.Get("isValid").Truth() || !strings.Contains(check.String(), tc.says) {
			t.Errorf("%s: validate says %s, want %q", name, check, tc.says)
		}
	}
	list := p.get("/automation-studio/workflows", url.Values{"limit": {"0"}})
	if n, _ := list.Get("total").Int(); n != 5 {
		t.Errorf("%d workflows are stored, want the 5 drafts", n)
	}
	list = p.get(jobs, nil)
	if n, _ := list.Path("metadata", "total").Int(); n != 0 {
		t.Errorf("%d jobs were made", n)
	}
	p.bombs(t)
}

// bombs start jobs whose expressions would take for ever: only the task fails, and fast.
func (p *liveServer) bombs(t *testing.T) {
	t.Helper()
	for name, text := range map[string]string{
		"range":  `reduce(1..1000000000, #acc + #, 0)`,
		"string": strings.Repeat(`repeat(`, 12) + `"x"` + strings.Repeat(`, 1000)`, 12),
		"nested": `map(1..100000, map(1..100000, #))`,
	} {
		doc := value.MustParse(sound).With("name", value.String("Bomb "+name)).
			WithPath([]string{"tasks", "b", "name"}, value.String("expression")).
			WithPath([]string{"tasks", "b", "canvasName"}, value.String("expression")).
			WithPath([]string{"tasks", "b", "variables", "incoming"}, value.Object("expression", value.String(text), "variables", value.Object())).
			WithPath([]string{"tasks", "b", "variables", "outgoing"}, value.Object())
		made := p.post("/automation-studio/automations", value.Object("automation", doc))
		if errs := made.Path("created", "errors"); errs.Len() > 0 {
			t.Logf("bomb %s is refused as a draft: %s", name, errs)
			continue
		}
		job := p.post(jobs+"/start", value.Object("workflow", value.String("Bomb "+name), "options", value.Object()))
		if s := job.Path("data", "status").Text(); s != "error" {
			t.Errorf("bomb %s: job is %s: %s", name, s, job.Path("data", "error"))
		}
	}
}

func (p *liveServer) raw(method, path, body string) (value.Value, error) {
	p.t.Helper()
	data, err := p.api.text(p.t.Context(), method, path, body)
	if err != nil {
		return value.Absent, err
	}
	return value.ParseLast(data)
}

// refused checks that an answer is a 4xx that says what is wrong and where.
func refused(t *testing.T, name string, err error, says string) {
	t.Helper()
	r, ok := errors.AsType[*refusal](err)
	if !ok {
		t.Errorf("%s: got %v, want a refusal", name, err)
		return
	}
	if r.status/100 != 4 {
		t.Errorf("%s: status %d, want 4xx", name, r.status)
	}
	text := r.body.String()
	if !strings.Contains(text, says) {
		t.Errorf("%s: the answer does not say %q: %.600s", name, says, text)
	}
	if len(text) > 20_000 {
		t.Errorf("%s: the answer has %d bytes", name, len(text))
	}
}

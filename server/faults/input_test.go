//go:build linux

package faults

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/heddlehq/heddle/workflows/value"
	"github.com/heddlehq/heddle/workflows/workflowtest"
)

// TestFT25_tooMuch sends what is larger or deeper than anything should be.
func TestFT25_tooMuch(t *testing.T) {
	notShort(t)
	s := serve(t)
	l := newLoad(s)
	before := s.usage()
	for name, tc := range map[string]struct {
		path, body string
		want       []int
	}{
		"a body of 65 MB":             {jobs + "/start", `{"workflow":"Child","options":{"variables":{"x":"` + strings.Repeat("x", 65<<20) + `"}}}`, []int{413}},
		"a login of 1 MB":             {"/login", `{"username":"admin","password":"` + strings.Repeat("x", 1<<20) + `"}`, []int{413}},
		"a variable of 20 MB":         {jobs + "/start", `{"workflow":"Child","options":{"variables":{"x":"` + strings.Repeat("x", 20<<20) + `"}}}`, []int{200}}, // large values are stored by reference
		"very many variables":         {jobs + "/start", `{"workflow":"Child","options":{"variables":{` + repeated(pick(100_000, 1_000_000), `"k%d":1`) + `}}}`, []int{200, 400, 413, 422}},
		"a description of 2 MB":       {jobs + "/start", `{"workflow":"Child","options":{"description":"` + strings.Repeat("é", 1<<20) + `"}}`, []int{200, 400, 413, 422}},
		"a workflow's name of 1 MB":   {jobs + "/start", `{"workflow":"` + strings.Repeat("x", 1<<20) + `","options":{}}`, []int{400, 404}},
		"100,000 jobs to cancel":      {jobs + "/cancel", `{"jobIds":[` + repeated(100_000, `"%024d"`) + `]}`, []int{400}},
		"a workflow 2 MB in its name": {"/automation-studio/automations/import", `{"automations":[` + strings.Replace(scripted("NAME", "Lab", "").String(), "NAME", strings.Repeat("n", 2<<20), 1) + `]}`, []int{200, 400, 413}},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			r, err := s.send(http.MethodPost, tc.path, tc.body)
			t.Logf("answered after %s: %.100s", time.Since(began).Round(time.Millisecond), r)
			if tc.want[0] == 413 && err != nil {
				return // cut off while it was still sending
			}
			answers(t, r, err, tc.want...)
		})
	}
	t.Run("a name of 60,000 bytes in the path", func(t *testing.T) {
		r, err := s.call(http.MethodGet, jobs+"/"+strings.Repeat("a", 60_000), value.Absent)
		answers(t, r, err, 400, 404, 414, 431)
	})
	t.Logf("%s before, %s after", before, s.usage())
	t.Logf("a new job done after %s", l.recovered().Round(time.Millisecond))
	l.judgeOthers(time.Minute)
}

// answers checks that a call was answered in one of the ways that are right, as JSON.
func answers(t *testing.T, r reply, err error, want ...int) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range want {
		if r.status == w {
			if r.status >= 400 && r.body.Get("message").Text() == "" {
				t.Errorf("refused without a message: %s", r)
			}
			return
		}
	}
	t.Errorf("answered %s, want one of %v", r, want)
}

func repeated(n int, format string) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// TestFT25_endlessChildren starts a workflow that starts itself. It comes to an end at the
// limit of generations.
func TestFT25_endlessChildren(t *testing.T) {
	notShort(t)
	s := serve(t)
	s.install(workflowtest.Draw("Self", "start>a1 a1>end", childOf("a1", "Self")))
	id := s.begin("Self", value.Object())
	var deepest value.Value
	waitFor(t, 30*time.Second, func() (bool, string) {
		r := s.get(jobs+"?equals[status]=error&include=error,ancestors&limit=1", nil)
		deepest = r.body.Get("data").At(0)
		return r.total() > 0, "no generation is refused"
	})
	if n := deepest.Get("ancestors").Len(); n != 50 || !strings.Contains(deepest.Get("error").String(), "limit") {
		t.Errorf("the refused job is of generation %d, want 50, and says %s", n, deepest.Get("error"))
	}
	s.post(jobs+"/cancel", value.Object("jobIds", value.Strings(id)))
	s.allCanceled(t, "Self")
	s.stop()
	s.doctor()
}

// TestFT30_growingFamily starts a workflow that starts itself twice. 2^50 jobs would never
// end: whoever started them can stop them while they grow.
func TestFT30_growingFamily(t *testing.T) {
	notShort(t)
	s := serve(t)
	s.install(workflowtest.Draw("Twins", "start>a1 start>b1 a1>end b1>end", childOf("a1", "Twins"), childOf("b1", "Twins")))
	id := s.begin("Twins", value.Object())
	time.Sleep(time.Second) // how long they grow is the fault
	began := time.Now()
	s.post(jobs+"/cancel", value.Object("jobIds", value.Strings(id)))
	s.allCanceled(t, "Twins")
	t.Logf("%d jobs stopped in %s, %s", s.get(jobs+"?equals[name]=Twins&limit=1", nil).total(), time.Since(began).Round(time.Millisecond), s.usage())
	s.stop()
	s.doctor()
}

// childOf is a task that starts one job of a workflow.
func childOf(id, workflow string) workflowtest.Step {
	return workflowtest.Operation(id, "childJob", fmt.Sprintf(`{"task":"","workflow":%q,"variables":{},"data_array":"","transformation":"","loopType":""}`, workflow), `{"job_details":null}`)
}

// allCanceled waits until no job of a workflow is left running.
func (s *server) allCanceled(t *testing.T, workflow string) {
	t.Helper()
	waitFor(t, time.Minute, func() (bool, string) {
		n := s.get(jobs+"?equals[name]="+workflow+"&in[status]="+unfinished+"&limit=1", nil).total()
		return n == 0, fmt.Sprintf("%d jobs of %s are left", n, workflow)
	})
}

// TestFT26_hostileJSON sends JSON that breaks parsers, or those who trust them.
func TestFT26_hostileJSON(t *testing.T) {
	notShort(t)
	s := serve(t)
	l := newLoad(s)
	start := func(variables string) string {
		return `{"workflow":"Child","options":{"variables":` + variables + `}}`
	}
	refused, fine := []int{400}, []int{200}
	for name, tc := range map[string]struct {
		body string
		want []int
	}{
		"nesting of 10,000":          {start(`{"x":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`), refused},
		"nesting of 500":             {start(`{"x":` + strings.Repeat("[", 450) + strings.Repeat("]", 450) + `}`), fine},
		"the same key twice":         {start(`{"x":1,"x":2}`), refused},
		"a number beyond all bounds": {start(`{"x":1e999999999}`), []int{200, 400}},
		"a number of 100,000 digits": {start(`{"x":` + strings.Repeat("9", 100_000) + `}`), []int{200, 400}},
		"invalid UTF-8":              {start("{\"x\":\"\xff\xfe\"}"), []int{200, 400}},
		"not a number":               {start(`{"x":NaN}`), refused},
		"half a surrogate pair":      {start(`{"x":"\ud800"}`), []int{200, 400}},
		"a byte order mark":          {"\ufeff" + start(`{}`), []int{200, 400}},
		"keys of a query language":   {start(`{"$where":"1","$gt":"","a.b":1,"":0,"__proto__":{"admin":true},"constructor":1}`), fine},
		"zero bytes":                 {start(`{"x":"\u0000","\u0000":1}`), []int{200, 400}},
		"an operator for a name":     {`{"workflow":{"$gt":""},"options":{}}`, refused},
		"an operator for options":    {`{"workflow":"Child","options":{"$ne":1}}`, []int{200, 400}},
		"nothing":                    {``, refused},
		"half of it":                 {start(`{"x":1}`)[:30], refused},
		"more behind the end":        {start(`{}`) + `{}`, refused},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := s.send(http.MethodPost, jobs+"/start", tc.body)
			answers(t, r, err, tc.want...)
			if r.status != http.StatusOK {
				return
			}
			id := r.body.Path("data", "_id").Text()
			sent, _ := value.ParseLast([]byte(strings.TrimPrefix(tc.body, "\ufeff")))
			for name, want := range sent.Path("options", "variables").Members() {
				if got := s.job(id).Path("variables", name); !value.Equal(got, want) {
					t.Errorf("variable %q is %.100s, want %.100s", name, got, want)
				}
			}
		})
	}
	l.judgeOthers(time.Minute)
}

// TestFT27_malformedWorkflows imports documents that are none. They are refused or kept as
// drafts that cannot be started; the server lives.
func TestFT27_malformedWorkflows(t *testing.T) {
	notShort(t)
	s := serve(t)
	good := scripted("NAME", "Lab", "").String()
	for name, change := range map[string][2]string{
		"no start":              {`"workflow_start":{"name":"workflow_start","groups":[]},`, ``},
		"no end":                {`"workflow_end":{"name":"workflow_end","groups":[]},`, ``},
		"a transition nowhere":  {`"workflow_end":{"type":"standard"`, `"ffff":{"type":"standard"`},
		"tasks are a list":      {`"tasks":{`, `"tasks":[],"other":{`},
		"an unknown edge":       {`"state":"success"`, `"state":"splendid"`},
		"an id with a dot":      {`"b1":{"name"`, `"b.$1":{"name"`},
		"a task of no type":     {`"type":"automatic"`, `"type":"quantum"`},
		"variables are a text":  {`"variables":{"incoming":{"adapter_id":"x"}`, `"variables":"x","old":{"incoming":{}`},
		"a reference into void": {`"adapter_id":"x"`, `"adapter_id":"$var.ffff.nothing"`},
	} {
		t.Run(name, func(t *testing.T) {
			doc := strings.Replace(strings.Replace(good, change[0], change[1], 1), "NAME", name, 1)
			r, err := s.send(http.MethodPost, "/automation-studio/automations/import", `{"automations":[`+doc+`]}`)
			answers(t, r, err, 200, 400)
			if r, err := s.send(http.MethodPost, "/automation-studio/workflows/validate", `{"workflow":`+doc+`}`); err != nil || r.status >= 500 {
				t.Errorf("validate: %s %v", r, err)
			}
			r, err = s.call(http.MethodPost, jobs+"/start", startBody(name, "", value.Object()))
			if name == "a reference into void" {
				answers(t, r, err, 200, 400, 404) // at worst a warning: the reference is null
			} else {
				answers(t, r, err, 400, 404)
			}
		})
	}
	if !s.running() {
		t.Error("the server has ended")
	}
	s.stop()
	s.doctor()
}

// TestFT28_bombs runs expressions that explode. Only their own tasks fail, and soon.
func TestFT28_bombs(t *testing.T) {
	notShort(t)
	s := serve(t)
	l := newLoad(s)
	long := strings.Repeat("a", 30_000) + "b"
	bombs := map[string]workflowtest.Step{
		"a regular expression": workflowtest.Operation("a1", "evaluation", `{"all_true_flag":true,"evaluation_groups":[{"all_true_flag":true,"evaluations":[
			{"operand_1":{"task":"static","variable":"`+long+`"},"query":"","operator":"contains","operand_2":{"task":"static","variable":"^(a+)+$"},"rightQuery":""}]}]}`, `{"return_value":null}`),
		"a large repetition": workflowtest.Operation("a1", "evaluation", `{"all_true_flag":true,"evaluation_groups":[{"all_true_flag":true,"evaluations":[
			{"operand_1":{"task":"static","variable":"`+long+`"},"query":"","operator":"contains","operand_2":{"task":"static","variable":"((a{1,100}){1,100}){1,100}"},"rightQuery":""}]}]}`, `{"return_value":null}`),
		"a deep query": workflowtest.Operation("a1", "query", `{"pass_on_null":false,"query":"`+strings.Repeat("[**]", 200)+`","obj":{"a":{"b":{"c":{"d":[1,2,3,{"e":1}]}}}}}`, `{"return_data":null}`),
		"a text filled up to two thousand million": workflowtest.Task("a1", "padEnd", "Application", "WorkFlowEngine", "automatic", "Pronghorn",
			`{"str":"x","targetLength":2000000000,"padString":"y"}`, `{"paddedString":null}`, ""),
		"a repetition of two thousand million": workflowtest.Task("a1", "repeat", "Application", "WorkFlowEngine", "automatic", "Pronghorn",
			`{"str":"x","count":2000000000}`, `{"repeatedString":null}`, ""),
	}
	before := s.usage()
	for name, bomb := range bombs {
		t.Run(name, func(t *testing.T) {
			doc := workflowtest.Draw(name, "start>a1 a1>end a1:failure>b1 a1:error>c1 b1>end c1>end", bomb,
				workflowtest.Operation("b1", "newVariable", `{"name":"answer","value":"failure"}`, `{"value":null}`),
				workflowtest.Operation("c1", "newVariable", `{"name":"answer","value":"error"}`, `{"value":null}`))
			r, err := s.send(http.MethodPost, "/automation-studio/automations/import", `{"automations":[`+doc.String()+`]}`)
			answers(t, r, err, 200)
			began := time.Now()
			r, err = s.call(http.MethodPost, jobs+"/start", startBody(name, "", value.Object()))
			answers(t, r, err, 200, 400)
			t.Logf("answered after %s: %.200s", time.Since(began).Round(time.Millisecond), r.body.Get("message").Text()+" "+r.body.Path("data", "status").Text()+" "+r.body.Path("data", "error").String())
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
	if after := s.usage(); after.rss > before.rss+1<<30 {
		t.Errorf("%s before, %s after", before, after)
	}
	t.Logf("a new job done after %s", l.recovered().Round(time.Millisecond))
	l.judgeOthers(time.Minute)
}

package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/workflows/value"
)

// guarded are five steps of which the third is bounded; script is what it would change.
func (a *api) guarded(t *testing.T, name, method, script, guard string) {
	t.Helper()
	a.sequence(t, name,
		`"task":"A","method":"echo","incoming":{"value":1}`,
		`"task":"B","method":"echo","incoming":{"value":2}`,
		`"task":"C","method":"`+method+`","incoming":{"target":"crm","script":`+script+`},"guard":`+guard,
		`"task":"D","method":"echo","incoming":{"value":4},"parents":["C"]`,
		`"task":"E","method":"echo","incoming":{"value":5}`)
}

const (
	jobPath  = "/operations-manager/jobs/"
	starting = "/operations-manager/jobs/start"
)

func times(t *testing.T, j value.Value, step string) string {
	t.Helper()
	return taskNamed(t, j, step).Path("metrics", "start_time").String()
}

// A limit that is reached blocks the job before the first write, and says why.
func TestUC12_blockedStopsJob(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.lab(t, adapters.DefaultPool)
	a.guarded(t, "G", "synchronise", `{"delete":6,"create":99,"present":500}`, `{"delete":6,"create":100}`)
	id := a.launch(t, "G", `{}`)
	j := a.job(t, id, "blocked")
	if got, want := a.states(t, id), "A complete, B complete, C paused, D incomplete, E incomplete"; got != want {
		t.Errorf("steps are %s, want %s", got, want)
	}
	if n := a.writes(t, "crm"); n != 0 {
		t.Errorf("SI-08: the target was written to %d times", n)
	}
	// SI-09: the threshold and its details.
	blocked := taskNamed(t, j, "C").Get("blocked")
	if j.Get("blockedReason").Text() != "threshold" || blocked.Get("blockedReason").Text() != "threshold" ||
		blocked.Path("reason", "counts").String() != `{"create":99,"modify":0,"delete":6}` || blocked.Path("reason", "sample").Len() != 20 ||
		blocked.Path("reason", "reached").String() != `[{"kind":"delete","count":6,"limit":6}]` || len(blocked.Path("reason", "digest").Text()) != 64 {
		t.Errorf("the block does not tell enough: %s", blocked)
	}
	// SI-11: validated, it is accepted and not started.
	task := taskNamed(t, j, "C").Get("taskId").Text()
	a.refused(t, http.StatusConflict, "POST", "/operations-manager/jobs/resume", `{"jobIds":["`+id+`"]}`)
	j = a.must(t, "POST", jobPath+id+"/tasks/"+task+"/approve", `{"reason":"checked with HR"}`).Get("data")
	if blocked := taskNamed(t, j, "C").Get("blocked"); j.Get("status").Text() != "blocked" || !blocked.Get("approved").Truth() ||
		blocked.Get("approvedBy").Text() != "admin" || blocked.Get("because").Text() != "checked with HR" || a.writes(t, "crm") != 0 {
		t.Errorf("after validation: %s", blocked)
	}
	// SI-12: the restart is an act of its own. UC-16: what finished is not run again.
	a.must(t, "POST", "/operations-manager/jobs/resume", `{"jobIds":["`+id+`"]}`)
	end := a.job(t, id, "complete")
	if got, want := a.states(t, id), "A complete, B complete, C complete+, D complete, E complete"; got != want {
		t.Errorf("steps are %s, want %s", got, want)
	}
	if times(t, end, "A") != times(t, j, "A") || times(t, end, "B") != times(t, j, "B") || a.writes(t, "crm") != 105 {
		t.Errorf("A and B ran again, or the changes were not made: %d writes", a.writes(t, "crm"))
	}
	history := a.must(t, "GET", jobPath+id+"/history?limit=0", "").Get("data").String()
	if !strings.Contains(history, `"type":"TaskApproved"`) || !strings.Contains(history, "checked with HR") {
		t.Errorf("who and why is not recorded: %s", history)
	}
}

// A repair approves and restarts at once, by validation or by force as the method says it.
func TestUC14_repair(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.lab(t, adapters.DefaultPool)
	a.guarded(t, "G", "provision", `{"delete":6}`, `{"delete":6}`)
	id := a.launch(t, "G", `{}`)
	a.job(t, id, "blocked")
	viewer := a.as(t, "vera", []string{"operator"})
	viewer.refused(t, http.StatusForbidden, "POST", jobPath+id+"/repair", `{}`)
	a.refused(t, http.StatusBadRequest, "POST", jobPath+id+"/repair", `{"mode":"try"}`)
	a.must(t, "POST", jobPath+id+"/repair", `{"reason":"a merger"}`)
	end := a.job(t, id, "complete")
	if c := taskNamed(t, end, "C"); !c.Path("changes", "forced").Truth() || a.writes(t, "crm") != 6 {
		t.Errorf("%d writes: %s", a.writes(t, "crm"), c)
	}
	// UC-19: what is not blocked cannot be repaired.
	a.refused(t, http.StatusConflict, "POST", jobPath+id+"/repair", `{}`)
}

// A validation or forced run is a job of its own in the history, of no stored workflow.
func TestUC15_virtualJobs(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.lab(t, adapters.DefaultPool)
	for method, kind := range map[string]string{"synchronise": "virtual:validation", "provision": "virtual:force"} {
		a.guarded(t, method, method, `{"delete":6}`, `{"delete":6}`)
		workflows := a.must(t, "GET", "/automation-studio/workflows", "").Get("total")
		id := a.launch(t, method, `{}`)
		blocked := taskNamed(t, a.job(t, id, "blocked"), "C").Get("iterations").At(0).Text()
		a.must(t, "POST", jobPath+id+"/repair", `{}`)
		end := a.job(t, id, "complete")
		if got, want := a.states(t, id), "A complete, B complete, C complete+, D complete, E complete"; got != want {
			t.Errorf("steps are %s, want %s", got, want)
		}
		found := a.must(t, "GET", "/operations-manager/jobs?equals[type]="+kind, "").Get("data")
		if found.Len() != 1 {
			t.Fatalf("%d jobs of type %s: %s", found.Len(), kind, found)
		}
		v := found.At(0)
		if v.Get("status").Text() != "complete" || v.Path("parent", "job").Text() != id || v.Get("ancestors").At(0).Text() != id ||
			v.Path("repair", "of").Text() != blocked || v.Path("parent", "taskId").Text() != taskNamed(t, end, "C").Get("taskId").Text() {
			t.Errorf("the virtual job does not tell where it comes from: %s", v)
		}
		if !value.Equal(a.must(t, "GET", "/automation-studio/workflows", "").Get("total"), workflows) {
			t.Error("a workflow was stored")
		}
		if s := a.states(t, v.Get("_id").Text()); s != "C complete" {
			t.Errorf("the virtual job ran %s", s)
		}
	}
}

// The repair of a task goes wrong: the job is in error and can be repaired in other ways.
func TestUC15_repairFails(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.lab(t, adapters.DefaultPool)
	a.sequence(t, "S", `"task":"A","method":"fail","incoming":{"state":"blocked","text":"too many"}`)
	id := a.launch(t, "S", `{}`)
	a.job(t, id, "blocked")
	a.refused(t, http.StatusConflict, "POST", jobPath+id+"/repair", `{"mode":"validate"}`)
	a.must(t, "POST", jobPath+id+"/repair", `{}`)
	j := a.job(t, id, "error")
	if e := j.Get("error").At(0); !strings.Contains(e.String(), "although a person had approved") {
		t.Errorf("error %s", j.Get("error"))
	}
	task := taskNamed(t, j, "A").Get("taskId").Text()
	a.must(t, "POST", jobPath+id+"/tasks/"+task+"/complete", `{"finish_state":"success"}`)
	a.job(t, id, "complete")
	found := a.must(t, "GET", "/operations-manager/jobs?equals[type]=virtual:force", "").Get("data").At(0)
	a.job(t, found.Get("_id").Text(), "canceled")
}

// A cancel at the threshold takes the blocked step and those after it.
func TestSI13_cancelAtThreshold(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.lab(t, adapters.DefaultPool)
	a.guarded(t, "G", "synchronise", `{"delete":6}`, `{"delete":6}`)
	id := a.launch(t, "G", `{}`)
	a.job(t, id, "blocked")
	a.must(t, "POST", "/operations-manager/jobs/cancel", `{"jobIds":["`+id+`"]}`)
	a.job(t, id, "canceled")
	if got, want := a.states(t, id), "A complete, B complete, C canceled, D canceled, E canceled"; got != want {
		t.Errorf("steps are %s, want %s", got, want)
	}
	if n := a.writes(t, "crm"); n != 0 {
		t.Errorf("the target was written to %d times", n)
	}
}

// A start may waive guards, without limit or for so many changes.
func TestUC24_force(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.lab(t, adapters.DefaultPool)
	a.guarded(t, "G", "synchronise", `{"create":60}`, `{"create":50}`)
	var writes int64
	for _, tc := range []struct {
		force  int
		status string
	}{{0, "blocked"}, {1, "complete"}, {59, "blocked"}, {60, "complete"}} {
		id := a.launch(t, "G", fmt.Sprintf(`{"force":%d}`, tc.force))
		j := a.job(t, id, tc.status)
		if tc.status == "complete" {
			writes += 60
		}
		if n := a.writes(t, "crm"); n != writes {
			t.Errorf("force %d: %d writes, want %d", tc.force, n, writes)
		}
		if forced := taskNamed(t, j, "C").Path("changes", "forced").Truth(); forced != (tc.status == "complete") {
			t.Errorf("force %d: the job tells forced %v", tc.force, forced)
		}
	}
	a.as(t, "oscar", []string{"operator"}).refused(t, http.StatusForbidden, "POST", starting, `{"workflow":"G","options":{"force":1}}`)
	a.refused(t, http.StatusBadRequest, "POST", starting, `{"workflow":"G","options":{"force":-1}}`)
	a.refused(t, http.StatusBadRequest, "POST", starting, `{"workflow":"G","options":{"force":"yes"}}`)
}

// A change set of many thousands goes to the store and back to the worker by reference.
func TestUC13_largeChangeSet(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.lab(t, adapters.DefaultPool)
	a.guarded(t, "G", "synchronise", `{"create":20000}`, `{"create":20000}`)
	id := a.launch(t, "G", `{}`)
	a.job(t, id, "blocked")
	a.must(t, "POST", jobPath+id+"/repair", `{"mode":"validate"}`)
	a.job(t, id, "complete")
	if n := a.writes(t, "crm"); n != 20000 {
		t.Errorf("%d writes, want 20000", n)
	}
}

// Each row of the list says what its reader may do with the job.
func TestSI03_allowedActions(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.lab(t, adapters.DefaultPool)
	a.guarded(t, "G", "synchronise", `{"create":60}`, `{"create":50}`)
	a.job(t, a.launch(t, "G", `{}`), "blocked")
	for role, want := range map[string]string{
		"viewer":   `["view"]`,
		"operator": `["view","cancel"]`,
		"approver": `["view","validate","repair"]`,
		"apiwrite": `["view","validate","repair","cancel"]`,
	} {
		rows := a.as(t, role, []string{role}).must(t, "GET", "/operations-manager/jobs", "").Get("data")
		if got := rows.At(0).Get("allowedActions").String(); got != want {
			t.Errorf("%s may %s, want %s", role, got, want)
		}
	}
}

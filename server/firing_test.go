package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/server/triggers"
	"github.com/heddlehq/heddle/workflows/value"
)

const triggerPath = "/operations-manager/triggers"

// firing is a server whose triggers fire, and a second one of the same store and bus.
func firing(t *testing.T) *api {
	t.Helper()
	a := newAPI(t)
	a.fires(t)
	a.fires(t)
	return a
}

// fires runs the triggers of the server until the returned stop, or the end of the test.
func (a *api) fires(t *testing.T) (stop func()) {
	t.Helper()
	r, err := triggers.New(triggers.Options{Store: a.store, Bus: a.bus, Library: a.Library, Engine: a.runner, Auth: a.auth, Log: slog.New(slog.NewTextHandler(a.log, nil)), Draining: a.runner.Draining()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	stopped := false
	stop = func() {
		if cancel(); !stopped {
			stopped = true
			if err := <-ended; err != nil {
				t.Errorf("triggers: %v", err)
			}
		}
	}
	t.Cleanup(stop)
	return stop
}

// eventually waits for a fact.
func (a *api) eventually(t *testing.T, what string, fact func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !fact(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not so after 15 s\n%s", what, a.log)
		}
	}
}

// automate makes an automation of a workflow and returns a maker of its triggers.
func (a *api) automate(t *testing.T, workflow string) func(doc string) string {
	t.Helper()
	id := a.must(t, "POST", "/operations-manager/automations", fmt.Sprintf(`{"name":"A of %s","componentName":%q}`, workflow, workflow)).Path("data", "_id").Text()
	return func(doc string) string {
		t.Helper()
		return a.must(t, "POST", triggerPath, value.MustParse(doc).With("actionId", value.String(id)).String()).Path("data", "_id").Text()
	}
}

func (a *api) jobsOf(t *testing.T, workflow string) []value.Value {
	t.Helper()
	return a.must(t, "GET", "/operations-manager/jobs?equals[name]="+workflow, "").Get("data").Slice()
}

func (a *api) trigger(t *testing.T, id string) value.Value {
	t.Helper()
	return a.must(t, "GET", triggerPath+"/"+id, "").Get("data")
}

func (a *api) emit(t *testing.T, topic, id, members string) {
	t.Helper()
	data := value.MustParse(members).With("source", value.String("netbox")).With("topic", value.String(topic))
	if err := a.bus.Publish(t.Context(), bus.Message{Subject: bus.PlatformFeedSubject("netbox", topic), ID: id, Data: data.AppendJSON(nil)})[0]; err != nil {
		t.Fatal(err)
	}
}

func TestFiring_schedule(t *testing.T) {
	t.Parallel()
	a := firing(t)
	a.add(t, "Pick", picking)
	add := a.automate(t, "Pick")
	now := time.Now().UnixMilli()
	once := add(fmt.Sprintf(`{"name":"once","type":"schedule","firstRunAt":%d,"legacyWrapper":false,"formData":{"host":{"name":"r5"}}}`, now))
	a.eventually(t, "the job of a schedule", func() bool { return len(a.jobsOf(t, "Pick")) == 1 })
	job := a.job(t, a.jobsOf(t, "Pick")[0].Get("_id").Text(), "complete")
	if job.Path("variables", "reply").Text() != "r5" || job.Path("variables", "initiator").Text() != "admin" {
		t.Errorf("job = %s", job)
	}
	if got := a.trigger(t, once); !got.Get("lastExecuted").IsNumber() || !got.Get("nextRunAt").IsNull() {
		t.Errorf("trigger = %s", got)
	}

	every := add(fmt.Sprintf(`{"name":"every","type":"schedule","firstRunAt":%d,"repeatUnit":"second","repeatFrequency":1,"repeatInterval":1000,"legacyWrapper":false,"formData":{"host":{"name":"r6"}}}`, now))
	a.eventually(t, "two more jobs", func() bool { return len(a.jobsOf(t, "Pick")) >= 3 })
	off := a.must(t, "PATCH", triggerPath+"/"+every, `{"enabled":false}`).Get("data")
	times := map[string]bool{}
	jobs := a.jobsOf(t, "Pick")
	for _, j := range jobs {
		id := j.Get("_id").Text()
		a.job(t, id, "complete")
		times[id[:8]+j.Get("description").Text()] = true // the due time in seconds, and the trigger
	}
	if len(times) != len(jobs) {
		t.Errorf("%d jobs for %d due times", len(jobs), len(times))
	}
	if !off.Get("nextRunAt").IsNull() {
		t.Errorf("a disabled schedule runs at %s", off.Get("nextRunAt"))
	}

	cron := add(`{"name":"cron","type":"schedule","cron":"30 2 * * *","timezone":"Europe/Berlin"}`)
	next := a.must(t, "GET", triggerPath+"/"+cron+"/runs/next", "").Get("data")
	if first, _ := next.At(0).Get("at").Int(); next.Len() != 10 || first <= now || !strings.Contains(next.At(0).Get("local").Text(), "T02:30:00+0") || !value.Equal(next.At(0).Get("at"), a.trigger(t, cron).Get("nextRunAt")) {
		t.Errorf("next runs = %s", next)
	}
	a.refused(t, 400, "GET", triggerPath+"/"+cron+"/runs/next?limit=0", "")
	a.refused(t, 400, "POST", triggerPath, `{"name":"bad","type":"schedule","cron":"61 * * * *","actionId":"x"}`)
}

func TestFiring_event(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	stop := a.fires(t)
	a.add(t, "Pick", picking)
	add := a.automate(t, "Pick")
	jst := a.must(t, "POST", "/transformations", `{"name":"J","description":"","incoming":[{"$id":"event","type":"object"}],"outgoing":[{"$id":"host","type":"object"}],"functions":[],
		"steps":[{"id":1,"type":"assign","context":"#","from":{"location":"incoming","name":"event","ptr":"/host"},"to":{"location":"outgoing","name":"host","ptr":""}}]}`).Get("_id").Text()
	id := add(`{"name":"E","type":"eventSystem","source":"netbox","topic":"changed","jst":"` + jst + `","dedupeWindow":600000,"dedupeKey":"/host/name",
		"schema":{"type":"object","required":["host"],"properties":{"host":{"type":"object","required":["name"]}}}}`)
	count := func() int { return len(a.jobsOf(t, "Pick")) }
	n := 0
	a.eventually(t, "the feed is read", func() bool {
		n++ // a message of its own each time, or the bus would drop it; the trigger knows the key
		a.emit(t, "changed", fmt.Sprint("first ", n), `{"host":{"name":"r1"}}`)
		return count() == 1
	})
	a.emit(t, "changed", "other topic", `{"host":1}`)
	a.emit(t, "removed", "other", `{"host":{"name":"r2"}}`)
	a.emit(t, "changed", "same", `{"host":{"name":"r1"},"again":true}`)
	a.emit(t, "changed", "last", `{"host":{"name":"r3"}}`)
	a.eventually(t, "the job of the last event", func() bool { return count() == 2 })
	var replies []string
	for _, j := range a.jobsOf(t, "Pick") {
		replies = append(replies, a.job(t, j.Get("_id").Text(), "complete").Path("variables", "reply").Text())
	}
	if got := strings.Join(replies, " "); got != "r1 r3" {
		t.Errorf("replies %s", got)
	}

	// While no server reads, events wait in the stream.
	stop()
	a.emit(t, "changed", "while away", `{"host":{"name":"r4"}}`)
	a.fires(t)
	a.eventually(t, "the job of an event that came while nobody read", func() bool { return count() == 3 })
	if got, _ := a.trigger(t, id).Get("runs").Int(); got != 3 {
		t.Errorf("%d runs, want 3", got)
	}
}

// A trigger whose job leads to the event it fires for is stopped at once.
func TestFiring_loop(t *testing.T) {
	t.Parallel()
	a := firing(t)
	a.add(t, "Pick", strings.ReplaceAll(picking, `"$var.job.host"`, `{"name":"r1"}`))
	add := a.automate(t, "Pick")
	loop := add(`{"name":"loop","type":"eventSystem","source":"@itential/app-workflow_engine","topic":"jobComplete"}`)
	a.eventually(t, "the loop is found", func() bool {
		if a.trigger(t, loop).Get("enabled").Truth() {
			a.start(t, "Pick", `{}`)
			return false
		}
		return true
	})
	if reason := a.trigger(t, loop).Get("disabledReason").Text(); !strings.Contains(reason, "feedback loop") {
		t.Errorf("reason %q", reason)
	}
	if !strings.Contains(a.log.String(), "trigger disabled") {
		t.Error("no line in the log")
	}

	storm := add(`{"name":"storm","type":"eventSystem","source":"netbox","topic":"changed","maxPerMinute":3}`)
	for i := range 6 {
		a.emit(t, "changed", fmt.Sprint(i), `{}`)
	}
	a.eventually(t, "the storm is stopped", func() bool { return !a.trigger(t, storm).Get("enabled").Truth() })
	back := a.must(t, "PATCH", triggerPath+"/"+storm, `{"enabled":true}`).Get("data")
	if back.Has("disabledReason") || !back.Get("enabled").Truth() {
		t.Errorf("switched on again: %s", back)
	}
}

// A trigger runs in the name of whoever saved it last, with no more rights than that.
func TestFiring_rights(t *testing.T) {
	t.Parallel()
	a := firing(t)
	id := a.must(t, "POST", "/authorization/groups", `{"group":{"name":"G","description":""}}`).Path("data", "_id").Text()
	secret := a.add(t, "Secret", picking)
	a.must(t, "PUT", "/automation-studio/automations/"+secret, value.Object("update", value.MustParse(picking).With("name", value.String("Secret")).With("groups", value.Strings(id))).String())
	add := a.as(t, "eve", []string{"engineering"}).automate(t, "Secret")
	eve := add(fmt.Sprintf(`{"name":"eve","type":"schedule","createdBy":"admin","maxFailures":1,"firstRunAt":%d,"formData":{"host":{}},"legacyWrapper":false}`, time.Now().UnixMilli()))
	a.eventually(t, "the run is refused", func() bool { return !a.trigger(t, eve).Get("enabled").Truth() })
	if reason := a.trigger(t, eve).Get("disabledReason").Text(); !strings.Contains(reason, "may not start") {
		t.Errorf("reason %q", reason)
	}
	if n := len(a.jobsOf(t, "Secret")); n != 0 {
		t.Errorf("%d jobs of a workflow that she may not start", n)
	}
}

package engine_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows/value"
)

// fill sets every exported field below v to something that is not zero.
func fill(v reflect.Value, n *int, skip ...string) {
	*n++
	switch v.Interface().(type) {
	case value.Value:
		v.Set(reflect.ValueOf(value.Object("n", value.Int(int64(*n)))))
		return
	case engine.Priority:
		v.Set(reflect.ValueOf(engine.PriorityOf(8)))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("text%d", *n))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Float64:
		v.SetFloat(float64(*n) + 0.5)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n, skip...)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), n, skip...)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if !slices.Contains(skip, v.Type().Name()+"."+v.Type().Field(i).Name) {
				fill(v.Field(i), n, skip...)
			}
		}
	default:
		panic("cannot fill " + v.Type().String())
	}
}

var compareValues = cmp.Comparer(value.Equal)

// No field of a job is forgotten when it is stored.
func TestDecode_everyFieldOfAJob(t *testing.T) {
	t.Parallel()
	m := compile(t, "S -> c\nc: childJob {}\nc -s-> E")
	job := start(t, m)
	var n int
	revision, tasks := job.Revision, job.Tasks
	// An outbox holds only some kinds of effects, which use only some fields.
	fill(reflect.ValueOf(job).Elem(), &n, "Job.Tasks", "Job.Held", "Effect.Attempt", "Effect.App", "Effect.Method", "Effect.Incoming",
		"Effect.Actor", "Effect.Deadline", "Effect.Mode", "Effect.ResumeOf", "Effect.Repair", "Effect.Pool", "Effect.Guard", "Effect.Accept", "Effect.Changes", "Effect.Element", "Effect.Workflow", "Effect.Transformation", "Effect.Current", "Effect.Run")
	job.Revision, job.Tasks, job.Held = revision, tasks, []int{1}
	fill(reflect.ValueOf(job.Tasks[0]).Elem(), &n)
	job.Tasks[0].Loop.Total, job.Tasks[0].Loop.Live, job.Tasks[0].Loop.Done = 1_000_000, 1, 1
	for k := range job.Tasks[0].Loop.Kids {
		kid := &job.Tasks[0].Loop.Kids[k]
		kid.ID, kid.Status = engine.ChildID(job.ID, "c", kid.Iteration, kid.Element), engine.Errored
	}
	job.Tasks[0].Loop.Kids[1].Done = false
	job.Tasks[0].Status = engine.TaskComplete
	back, err := m.Decode(value.MustParse(string(m.Append(nil, job))))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(job, back, compareValues, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("stored and read again (-want +got):\n%s", diff)
	}
}

func TestDecodeEvent_everyField(t *testing.T) {
	t.Parallel()
	var ev engine.Event
	var n int
	fill(reflect.ValueOf(&ev).Elem(), &n)
	if diff := cmp.Diff(ev, engine.DecodeEvent(value.MustParse(string(engine.AppendEvent(nil, &ev)))), compareValues); diff != "" {
		t.Errorf("stored and read again (-want +got):\n%s", diff)
	}
}

func TestDecode_refuses(t *testing.T) {
	t.Parallel()
	m := compile(t, "S -> a\na -s-> E")
	for name, stored := range map[string]string{
		"another revision":   `{"v":1,"_id":"j","revision":"r2"}`,
		"a newer form":       `{"v":2,"_id":"j","revision":"r1"}`,
		"an unknown task":    `{"v":1,"_id":"j","revision":"r1","tasks":{"zz":{"status":"running"}}}`,
		"a retry of nothing": `{"v":1,"_id":"j","revision":"r1","tasks":{"a":{"status":"retrying"}}}`,
		"a loop of nothing":  `{"v":1,"_id":"j","revision":"r1","tasks":{"a":{"status":"running","loop":{"total":1}}}}`,
	} {
		if _, err := m.Decode(value.MustParse(stored)); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestPublished(t *testing.T) {
	t.Parallel()
	m := compile(t, "S -> a\na -s-> E")
	job := start(t, m)
	before := string(m.Append(nil, job))
	if len(job.Outbox) != 1 {
		t.Fatalf("outbox holds %d orders, want 1", len(job.Outbox))
	}
	if got := job.Published([]string{job.Outbox[0].Key}); len(got.Outbox) != 0 {
		t.Errorf("outbox still holds %v", got.Outbox)
	}
	if after := string(m.Append(nil, job)); after != before {
		t.Errorf("Published changed the job it was given")
	}
}

func compile(t testing.TB, notation string) *engine.Machine {
	t.Helper()
	m, err := engine.Compile(parseWorkflow(t, notation), catalog, "r1", engine.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func start(t testing.TB, m *engine.Machine) *engine.Job {
	t.Helper()
	job, _, err := m.Step(nil, engine.Event{Type: engine.JobStarted, At: epoch, Start: &engine.Start{ID: "job", Initiator: "ann"}})
	if err != nil {
		t.Fatal(err)
	}
	return job
}

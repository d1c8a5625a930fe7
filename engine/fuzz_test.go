package engine_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows/value"
	"github.com/heddlehq/heddle/workflows/workflowtest"
)

// everything is a workflow with a task of each kind.
const everything = `S -> a, m, c, l, e
a: Test.guarded {"retrySettings":{"state":["error"],"autoRetry":true,"limit":2,"delay":10},"timeouts":{"queue":100,"run":200,"heartbeat":50}}
m: ViewData
c: childJob {"incoming":{"workflow":"Child","variables":{},"data_array":[{"n":0},{"n":1}],"transformation":"","loopType":"sequential"}}
l: forEach {"incoming":{"data_array":[1,2]}}
l -l-> b
b: {"incoming":{"x":"$var.l.current_item"}}
e: eventListenerJob {"incoming":{"source":"s","topic":"t"}}
a -s-> d
m =f=> a
a -> m
c -> d
l -> d
e -> d
d -s-> E
workflow: {"errorHandler":"Fix","sla":1000,"timeout":100000}`

// FuzzStep takes a graph and a job from the seed, and a stored event from the input: the job
// takes it in or refuses it with a typed error.
func FuzzStep(f *testing.F) {
	m := compile(f, everything)
	job := start(f, m)
	for _, text := range []string{
		`{"type":"TaskFinished","task":"a","iteration":1,"outcome":{"finishState":"error","error":{"class":"x"}}}`,
		`{"type":"ChildFinished","task":"c","iteration":1,"element":0,"status":"complete","variables":{"x":1}}`,
		`{"type":"JobReverted","task":"d","to":"a","by":"ann"}`,
		`{"type":"TaskCompleted","task":"l","outcome":{"finishState":"success"}}`,
		`{"type":"TimersDue","at":1700000000500}`,
		`{"type":"JobCanceled","graceful":true}`,
		`{"type":"VariablesPatched","variables":{"x":[1,2,3]}}`,
		`{"type":"TaskProgressed","task":"a","iteration":1,"percent":50,"text":"half"}`,
	} {
		f.Add(uint64(1), []byte(text))
	}
	f.Fuzz(func(t *testing.T, seed uint64, text []byte) {
		v, err := value.Parse(text)
		if err != nil {
			return
		}
		ev := engine.DecodeEvent(v)
		take := func(m *engine.Machine, job *engine.Job) {
			next, _, err := m.Step(job, ev)
			switch {
			case err == nil:
				checkUsable(t, m, next)
			case !errors.Is(err, engine.ErrStale) && !errors.As(err, new(*engine.Conflict)) && !errors.As(err, new(*engine.Unknown)):
				t.Errorf("untyped error %v", err)
			}
		}
		take(m, job)
		take(m, nil)
		tr := &trial{seed: seed, chance: rand.New(rand.NewPCG(seed, 0)), only: true}
		tr.begin(workflowtest.Random(tr.chance, workflowtest.Options{Tasks: 6, Children: []string{"Child"}}), engine.DefaultLimits)
		for range seed % 10 {
			tr.take(tr.anything())
		}
		take(tr.m, tr.job)
	})
}

// FuzzDecode reads stored jobs that may be broken: they are refused or can be worked with.
func FuzzDecode(f *testing.F) {
	m := compile(f, everything)
	f.Add(m.Append(nil, start(f, m)))
	tr := &trial{chance: rand.New(rand.NewPCG(1, 0)), only: true}
	tr.begin(parseWorkflow(f, everything), engine.DefaultLimits)
	for range 30 {
		tr.take(tr.anything())
		f.Add(m.Append(nil, tr.job))
	}
	f.Fuzz(func(t *testing.T, stored []byte) {
		v, err := value.Parse(stored)
		if err != nil {
			return
		}
		job, err := m.Decode(v)
		if err != nil {
			return
		}
		checkUsable(t, m, job)
		tr := &trial{m: m, w: m.Workflow(), job: job, now: epoch, chance: rand.New(rand.NewPCG(uint64(len(stored)), 0)), only: true}
		for range 10 {
			tr.take(tr.anything())
		}
		for _, b := range tr.breaches {
			t.Error(b.text)
		}
	})
}

// checkUsable looks at a job from all sides.
func checkUsable(t *testing.T, m *engine.Machine, job *engine.Job) {
	t.Helper()
	stored := m.Append(nil, job)
	v, err := value.Parse(stored)
	if err != nil {
		t.Fatalf("stored form %s: %v", stored, err)
	}
	if _, err := m.Decode(v); err != nil {
		t.Fatalf("stored form %s: %v", stored, err)
	}
	m.Explain(job)
	m.Outstanding(job)
	m.Progress(job)
	job.Due()
}

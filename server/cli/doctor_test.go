package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/engine/runner"
	"github.com/heddlehq/heddle/engine/store"
	"github.com/heddlehq/heddle/engine/store/sqlitestore"
	"github.com/heddlehq/heddle/server/system"
	"github.com/heddlehq/heddle/workflows/value"
)

func TestDoctor(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/doctor",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  exits,
			"forget": onStore(forget),
			"jobs":   jobsIn,
			"open":   openStore,
			"orphan": onStore(orphan),
		},
	})
}

// jobsIn runs jobs in a data folder and stops: jobs FOLDER NUMBER
func jobsIn(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := system.Open(ctx, system.Config{Data: ts.MkAbs(args[0]), BusListen: "off"})
	ts.Check(err)
	done := make(chan error, 1)
	working, stop := context.WithCancel(ctx)
	go func() { done <- s.Run(working) }()
	defer func() {
		stop()
		ts.Check(errors.Join(<-done, s.Close()))
	}()
	_, err = s.Library.CreateWorkflow(ctx, value.MustParse(`{"name":"Note","type":"automation","canvasVersion":3,"groups":[],
		"tasks":{"workflow_start":{"name":"workflow_start","groups":[]},"workflow_end":{"name":"workflow_end","groups":[]},
		"a":{"name":"newVariable","canvasName":"newVariable","summary":"","description":"","location":"Application","app":"WorkFlowEngine",
		"displayName":"WorkFlowEngine","type":"operation","actor":"Pronghorn","groups":[],
		"variables":{"incoming":{"name":"x","value":1},"outgoing":{"value":null},"error":"","decorators":[]}}},
		"transitions":{"workflow_start":{"a":{"type":"standard","state":"success"}},"a":{"workflow_end":{"type":"standard","state":"success"}},"workflow_end":{}}}`), "test")
	ts.Check(err)
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	for i := range n {
		st, err := s.Runner.Start(ctx, runner.Begin{Workflow: "Note", Start: engine.Start{ID: fmt.Sprintf("%024x", i+1), Initiator: "ann"}})
		ts.Check(err)
		if st.Job.Status != engine.Complete {
			ts.Fatalf("job %s is %s, want complete", st.Job.ID, st.Job.Status)
		}
	}
}

func openIn(ts *testscript.TestScript, folder string) *sqlitestore.Store {
	s, err := sqlitestore.Open(context.Background(), filepath.Join(ts.MkAbs(folder), "heddle.db"), sqlitestore.Options{})
	ts.Check(err)
	return s
}

// openStore keeps a store open until the script ends, as a server does: open FOLDER
func openStore(ts *testscript.TestScript, _ bool, args []string) {
	s := openIn(ts, args[0])
	ts.Defer(func() { ts.Check(s.Close()) })
}

// onStore makes a command that does something to the store of a folder.
func onStore(do func(*testscript.TestScript, store.Store)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		s := openIn(ts, args[0])
		do(ts, s)
		ts.Check(s.Close())
	}
}

// orphan leaves a history behind that belongs to no job.
func orphan(ts *testscript.TestScript, s store.Store) {
	ts.Check(s.Commit(context.Background(), store.Batch{{
		Collection: store.History, ID: "gone/1", Expect: store.New,
		Body: []byte(`{"_id":"gone/1","job":"gone","seq":1,"at":1,"events":[]}`), Index: []any{"gone", 1, 1},
	}})[0])
}

// forget loses the history of the first job.
func forget(ts *testscript.TestScript, s store.Store) {
	page, err := s.Find(context.Background(), store.History, store.Query{Where: store.Where("job", store.Eq, fmt.Sprintf("%024x", 1))})
	ts.Check(err)
	for _, d := range page.Docs {
		ts.Check(s.Commit(context.Background(), store.Batch{{Collection: store.History, ID: d.ID, Expect: d.Revision}})[0])
	}
}

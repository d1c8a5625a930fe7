package simulation_test

import (
	"context"
	"fmt"
	"os"

	"github.com/heddlehq/heddle/engine/builtin"
	"github.com/heddlehq/heddle/engine/simulation"
	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

func ExampleRun() {
	data, err := os.ReadFile("../../testdata/workflows/retry.json")
	if err != nil {
		panic(err)
	}
	w, problems := workflows.Load(value.MustParse(string(data)), builtin.Catalog(), nil)
	if err := problems.Err(); err != nil {
		panic(err)
	}
	mock, problems := simulation.ParseMock(value.MustParse(`{"tasks": {"a1": [
		{"finishState": "error", "error": "connection refused"},
		{"outgoing": {"result": {"number": "CHG0042"}}, "after": "2s"}]}}`), w, nil)
	if err := problems.Err(); err != nil {
		panic(err)
	}
	result, err := simulation.Run(context.Background(), simulation.Options{
		Workflow:  w,
		Variables: value.Object("ticket", value.Object()),
		Script:    mock.Reply,
		Watch:     func(l simulation.Line) { fmt.Printf("%s\n", l.AppendJSON(nil)) },
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(result.Job.Status, "after", result.Elapsed, "with", result.Job.Variables.Get("answer"))
	// Output:
	// {"t":0,"task":"a1","iteration":1,"event":"started"}
	// {"t":0,"task":"a1","iteration":1,"event":"finished","finishState":"error"}
	// {"t":1000,"task":"a1","iteration":2,"event":"started"}
	// {"t":3000,"task":"a1","iteration":2,"event":"finished","finishState":"success"}
	// {"t":3000,"task":"b2","iteration":0,"event":"never"}
	// {"t":3000,"task":"b1","iteration":1,"event":"started"}
	// {"t":3000,"task":"b1","iteration":1,"event":"finished","finishState":"success"}
	// complete after 3s with {"number":"CHG0042"}
}

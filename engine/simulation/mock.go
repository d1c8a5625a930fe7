package simulation

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/heddlehq/heddle/workflows"
	"github.com/heddlehq/heddle/workflows/value"
)

// Mock is what a mock file says:
//
//	{"tasks":     {"<task id>": [reply, ...]},
//	 "methods":   {"<app>.<method>": [reply, ...]},
//	 "workflows": {"<workflow>": {"tasks": {"<task id>": [reply, ...]}}}}
//
// where a reply is {"finishState", "outgoing", "error", "after", "changes"}. "changes" is what a
// guarded method would change, {"create", "modify", "delete", "present"}, each a number: when the
// guard of the task says no, it blocks. The n-th reply serves the
// n-th iteration of a task and the last one repeats. The most particular reply counts: that
// of the workflow's task, then of the task, then of the method. "tasks" speaks of the root
// job; an id that its workflow does not have means the task of a child job.
type Mock struct {
	tasks     map[string][]Reply
	methods   map[string][]Reply
	workflows map[string]map[string][]Reply // by plain name
	root      *workflows.Workflow
}

// ParseMock reads a mock file for a simulation of the root workflow with the others as child
// jobs. Problems of the level warning do not hinder its use.
func ParseMock(doc value.Value, root *workflows.Workflow, others []*workflows.Workflow) (*Mock, workflows.Problems) {
	p := &mockReader{}
	m := &Mock{root: root, workflows: make(map[string]map[string][]Reply)}
	if !doc.IsObject() {
		p.errorf("", "type", "A mock file must be an object with \"tasks\" and \"methods\", not %s.", doc.Kind())
		return m, p.problems
	}
	p.unknown(doc, "", "tasks", "methods", "workflows")
	m.tasks = p.replies(doc.Get("tasks"), "/tasks")
	m.methods = p.replies(doc.Get("methods"), "/methods")
	all := append([]*workflows.Workflow{root}, others...)
	for _, id := range slices.Sorted(maps.Keys(m.tasks)) {
		owners := tasksCalled(id, root)
		if len(owners) == 0 {
			owners = tasksCalled(id, others...)
		}
		p.task("/tasks/"+value.EscapePointer(id), id, owners)
	}
	p.methods(m.methods, all)
	for name, v := range p.object(doc.Get("workflows"), "/workflows").Members() {
		at := "/workflows/" + value.EscapePointer(name)
		p.unknown(p.object(v, at), at, "tasks")
		named := called(name, all)
		if len(named) == 0 {
			p.add(workflows.Warning, at, "unknown-workflow", "There is no workflow %q; a mock can only speak of the workflow itself and those of its project.", name)
			continue
		}
		_, plain := workflows.SplitName(name)
		list := p.replies(v.Get("tasks"), at+"/tasks")
		m.workflows[plain] = list
		for _, id := range slices.Sorted(maps.Keys(list)) {
			p.task(at+"/tasks/"+value.EscapePointer(id), id, tasksCalled(id, named...))
		}
	}
	slices.SortStableFunc(p.problems, func(a, b workflows.Problem) int { return cmp.Compare(a.Pointer, b.Pointer) })
	return m, p.problems
}

// Reply implements Script.
func (m *Mock) Reply(t Turn) (Reply, bool) {
	_, plain := workflows.SplitName(t.Workflow.Name)
	if isForEach(t.Task) {
		return Reply{}, false
	}
	list := m.workflows[plain][t.Task.ID]
	if list == nil {
		if _, own := m.root.Task(t.Task.ID); !t.Child || !own {
			list = m.tasks[t.Task.ID]
		}
	}
	if list == nil {
		list = m.methods[t.Task.App+"."+t.Task.Name]
	}
	if list == nil {
		return Reply{}, false
	}
	return list[min(max(t.Iteration, 1), len(list))-1], true
}

// called are the workflows with a name, whatever project they are of.
func called(name string, in []*workflows.Workflow) []*workflows.Workflow {
	_, plain := workflows.SplitName(name)
	return slices.DeleteFunc(slices.Clone(in), func(w *workflows.Workflow) bool {
		_, other := workflows.SplitName(w.Name)
		return other != plain
	})
}

// tasksCalled are the tasks with an id in some workflows.
func tasksCalled(id string, in ...*workflows.Workflow) []*workflows.Task {
	var out []*workflows.Task
	for _, w := range in {
		if t, ok := w.Task(id); ok && !workflows.IsReserved(id) {
			out = append(out, t)
		}
	}
	return out
}

type mockReader struct{ problems workflows.Problems }

func (p *mockReader) add(level workflows.Level, at, code, format string, args ...any) {
	p.problems = append(p.problems, workflows.Problem{Level: level, Pointer: at, Code: code, Text: fmt.Sprintf(format, args...)})
}

func (p *mockReader) errorf(at, code, format string, args ...any) {
	p.add(workflows.Error, at, code, format, args...)
}

// unknown reports the members that v should not have.
func (p *mockReader) unknown(v value.Value, at string, members ...string) {
	for k := range v.Members() {
		if !slices.Contains(members, k) {
			p.errorf(at+"/"+value.EscapePointer(k), "unknown-member", "%q means nothing here; known are %q.", k, members)
		}
	}
}

// object is v when it is an object, and an empty one when it is nothing or a mistake.
func (p *mockReader) object(v value.Value, at string) value.Value {
	if v.IsObject() || v.IsNothing() {
		return v
	}
	p.errorf(at, "type", "This must be an object, not %s.", v.Kind())
	return value.Absent
}

func (p *mockReader) replies(v value.Value, at string) map[string][]Reply {
	out := make(map[string][]Reply)
	for id, list := range p.object(v, at).Members() {
		at := at + "/" + value.EscapePointer(id)
		if list.Len() == 0 || !list.IsArray() {
			p.errorf(at, "type", "The replies must be an array of at least one: the n-th serves the n-th iteration, the last one repeats.")
			continue
		}
		for i, r := range list.Elements() {
			out[id] = append(out[id], p.reply(r, fmt.Sprintf("%s/%d", at, i)))
		}
	}
	return out
}

func (p *mockReader) reply(v value.Value, at string) Reply {
	if !v.IsObject() {
		p.errorf(at, "type", "A reply must be an object, not %s.", v.Kind())
		return Reply{}
	}
	p.unknown(v, at, "finishState", "outgoing", "error", "after", "changes")
	r := Reply{State: workflows.Success, Error: v.Get("error")}
	if s := v.Get("finishState"); !s.IsNothing() {
		r.State = workflows.FinishState(s.Text())
		switch r.State {
		case workflows.Success, workflows.Failure, workflows.Failed, workflows.Blocked:
		default:
			p.errorf(at+"/finishState", "enum", "The finish state must be \"success\", \"failure\", \"error\" or \"blocked\", not %s.", s)
		}
	}
	if out := v.Get("outgoing"); !out.IsNothing() {
		if !out.IsObject() {
			p.errorf(at+"/outgoing", "type", "The outputs must be an object of name to value, not %s.", out.Kind())
		}
		r.Outgoing = out
	}
	if !r.Error.IsNothing() && r.State != workflows.Failed && r.State != workflows.Blocked {
		p.add(workflows.Warning, at+"/error", "unused", "Only the finish states \"error\" and \"blocked\" have an error; this one is not used.")
	}
	p.changes(&r, v.Get("changes"), at+"/changes")
	r.After = p.after(v.Get("after"), at+"/after")
	return r
}

func (p *mockReader) changes(r *Reply, v value.Value, at string) {
	if v.IsNothing() {
		return
	}
	if !v.IsObject() {
		p.errorf(at, "type", "The changes must be an object of numbers, not %s.", v.Kind())
		return
	}
	p.unknown(v, at, "create", "modify", "delete", "present")
	r.Changes = workflows.Counts{}
	for key, m := range v.Members() {
		n, ok := m.Int()
		if !ok || n < 0 {
			p.errorf(at+"/"+value.EscapePointer(key), "type", "This must be a whole number of at least 0, not %s.", m)
		}
		if key == "present" {
			r.Present = n
		} else {
			r.Changes[workflows.ChangeKind(key)] = n
		}
	}
}

// after reads a duration: a text such as "1m30s", or milliseconds.
func (p *mockReader) after(v value.Value, at string) time.Duration {
	if v.IsNothing() {
		return 0
	}
	if ms, ok := v.Int(); ok && ms >= 0 && ms <= math.MaxInt64/int64(time.Millisecond) {
		return time.Duration(ms) * time.Millisecond
	}
	d, err := time.ParseDuration(v.Text())
	if err != nil || d < 0 {
		p.errorf(at, "duration", "The time must be a text such as \"5s\" or \"1m30s\", or a whole number of milliseconds, not %s.", v)
		return 0
	}
	return d
}

// task checks that the replies for the tasks with an id are such as they can have.
func (p *mockReader) task(at, id string, owners []*workflows.Task) {
	if len(owners) == 0 {
		p.add(workflows.Warning, at, "unknown-task", "There is no task %q that could be answered for.", id)
		return
	}
	p.fits(at, owners[0])
}

// fits warns of replies for a forEach, which cannot have any.
func (p *mockReader) fits(at string, t *workflows.Task) {
	if isForEach(t) {
		p.add(workflows.Warning, at, "for-each", "A forEach ends as its body does, so this reply is not used; answer for the tasks of its body.")
	}
}

// methods checks the replies for methods, and warns when nothing calls one.
func (p *mockReader) methods(replies map[string][]Reply, in []*workflows.Workflow) {
	callers := make(map[string]*workflows.Task)
	for _, w := range in {
		for i := range w.Tasks {
			callers[w.Tasks[i].App+"."+w.Tasks[i].Name] = &w.Tasks[i]
		}
	}
	for _, name := range slices.Sorted(maps.Keys(replies)) {
		at := "/methods/" + value.EscapePointer(name)
		if t := callers[name]; t != nil {
			p.fits(at, t)
		} else {
			p.add(workflows.Warning, at, "unused", "No task calls %q; methods are named \"<app>.<method>\".", name)
		}
	}
}

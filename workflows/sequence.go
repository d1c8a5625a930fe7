package workflows

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/heddlehq/heddle/workflows/value"
)

// A sequence is a workflow written as a list of steps that run in groups:
//
//	{"name", "steps": [{"task", "order", "app", "method", "adapter", "incoming", "outgoing", "error", "parents",
//	 "runOn", "continueOnError", "guard", "retrySettings", "timeouts", "actor", "summary", "description"}]}
//
// Steps with the same order run together, and the next order waits for all of them. A step
// without an order, or with -1, comes by itself after the step above it. A step with parents
// is skipped unless each of them gave something. An error stops the job after the steps that
// run with it. [Parse] reads a sequence as the canvas workflow it stands for, which keeps the
// steps beside it under sequenceKey.

// sequenceKey is the member of a workflow document that holds the steps it was made from.
const sequenceKey = "sequence"

// IsSequence tells a sequence from a canvas workflow.
func IsSequence(doc value.Value) bool { return doc.Get("steps").IsArray() && !doc.Has("tasks") }

// stepMembers are the members a step may have, each with the kind of what it holds; Absent is
// for those that are checked where they are used.
var stepMembers = map[string]value.Kind{
	"task": value.KindString, "order": value.KindNumber, "app": value.KindString, "method": value.KindString, "adapter": value.KindString,
	"incoming": value.KindObject, "outgoing": value.KindObject, "error": value.KindString, "parents": value.KindArray,
	"runOn": value.KindString, "continueOnError": value.KindBool, "guard": value.KindObject, "retrySettings": value.KindObject,
	"timeouts": value.KindObject, "actor": value.KindString, "summary": value.KindString, "description": value.KindString,
	"type": value.KindString, "view": value.KindString, "location": value.KindString,
}

// sequenceStep is one of a sequence with its place in the order.
type sequenceStep struct {
	doc   value.Value
	at    string // JSON pointer
	name  string
	id    string // of its task
	level int    // of its group, from 1
	key   [2]int
}

// sequence reads the steps of a document as a canvas document.
func (r *reader) sequence(doc value.Value) value.Value {
	steps := r.steps(doc.Get("steps"))
	if len(r.problems) > 0 {
		return doc
	}
	groups := arrange(steps)
	var tasks, transitions value.Members
	place := func(x, y int) value.Value {
		return value.Object("x", value.Int(int64(220*x)), "y", value.Int(int64(140*y)))
	}
	edge := func(m *value.Members, to string) {
		m.Set(to, value.Object("type", value.String(string(Standard)), "state", value.String(string(Success))))
	}
	ids := func(level int) []string {
		switch {
		case level == 0:
			return []string{StartID}
		case level > len(groups):
			return []string{EndID}
		}
		var out []string
		for _, s := range groups[level-1] {
			out = append(out, s.id)
		}
		return out
	}
	tasks.Set(StartID, value.Object("name", value.String(StartID), "groups", value.Array(), "nodeLocation", place(0, 0)))
	for level, group := range groups {
		for i, s := range group {
			tasks.Set(s.id, s.task(r, steps, place(i, level+1)))
		}
	}
	tasks.Set(EndID, value.Object("name", value.String(EndID), "groups", value.Array(), "join", value.String(string(JoinAll)), "nodeLocation", place(0, len(groups)+1)))
	for level := range len(groups) + 1 {
		for _, from := range ids(level) {
			var m value.Members
			for _, to := range ids(level + 1) {
				edge(&m, to)
			}
			transitions.Set(from, m.Value())
		}
	}
	transitions.Set(EndID, value.Object())
	var out value.Members
	for k, m := range doc.Members() {
		if k != "steps" {
			out.Set(k, m)
		}
	}
	for _, d := range []struct {
		key string
		v   value.Value
	}{{"type", value.String("automation")}, {"canvasVersion", value.Int(3)}, {"font_size", value.Int(12)}, {"groups", value.Array()}, {"tags", value.Array()}} {
		if doc.Get(d.key).IsNothing() {
			out.Set(d.key, d.v)
		}
	}
	return out.Set("tasks", tasks.Value()).Set("transitions", transitions.Value()).
		Set(sequenceKey, value.Object("steps", doc.Get("steps"))).Value()
}

// steps reads and checks the list.
func (r *reader) steps(list value.Value) []*sequenceStep {
	if list.Len() == 0 || list.Len() > mostTasks-2 {
		r.errorf("/steps", "sequence", "A sequence needs 1 to %d steps, not %d.", mostTasks-2, list.Len())
		return nil
	}
	var out []*sequenceStep
	byName := map[string]*sequenceStep{}
	order, after := -1, 0
	for i, doc := range list.Elements() {
		s := &sequenceStep{doc: doc, at: pointer("steps", itoa(i)), id: stepID(i, list.Len())}
		if !doc.IsObject() {
			r.errorf(s.at, "type", "A step must be an object, not %s.", article(doc.Kind()))
			continue
		}
		for key, v := range doc.Members() {
			kind, known := stepMembers[key]
			switch {
			case !known:
				r.errorf(s.at+pointer(key), "sequence", "A step has no member %s.", quote(key))
			case !v.IsNothing() && v.Kind() != kind:
				r.errorf(s.at+pointer(key), "type", "%q must be %s, not %s.", key, article(kind), article(v.Kind()))
			}
		}
		s.name = r.text(doc, s.at, "task", true)
		r.text(doc, s.at, "app", true)
		r.text(doc, s.at, "method", true)
		r.runOn(doc, s.at)
		if byName[s.name] != nil {
			r.errorf(s.at+"/task", "sequence", "There are two steps called %s.", quote(s.name))
		}
		byName[s.name] = s
		switch n, ok := doc.Get("order").Int(); {
		case doc.Get("order").IsNothing() || ok && n == -1:
			after++
		case ok && n >= 0 && n <= 1<<31:
			order, after = int(n), 0
		default:
			r.errorf(s.at+"/order", "sequence", "An order must be a whole number of at least 0, or -1 for the place after the step above.")
		}
		s.key = [2]int{order, after}
		out = append(out, s)
	}
	for _, s := range out {
		for k, p := range s.doc.Get("parents").Elements() {
			at := s.at + pointer("parents", itoa(k))
			switch parent := byName[p.Text()]; {
			case parent == nil:
				r.errorf(at, "parents", "There is no step %s.", quote(p.Text()))
			case slices.Compare(parent.key[:], s.key[:]) >= 0:
				r.errorf(at, "parents", "The parent %s must have a lower order than the step.", quote(p.Text()))
			}
		}
	}
	return out
}

// stepID is the id of the i-th step's task. Ids of one document are equally long, so that they
// sort as the steps stand.
func stepID(i, of int) string {
	if of <= 0xff {
		return fmt.Sprintf("%02x", i+1)
	}
	return fmt.Sprintf("%04x", i+1)
}

// arrange gives the groups in their order, and each step its level.
func arrange(steps []*sequenceStep) [][]*sequenceStep {
	sorted := slices.Clone(steps)
	slices.SortStableFunc(sorted, func(a, b *sequenceStep) int { return slices.Compare(a.key[:], b.key[:]) })
	var groups [][]*sequenceStep
	for i, s := range sorted {
		if i == 0 || s.key != sorted[i-1].key {
			groups = append(groups, nil)
		}
		s.level = len(groups)
		groups[s.level-1] = append(groups[s.level-1], s)
	}
	return groups
}

// task is the canvas task of a step.
func (s *sequenceStep) task(r *reader, all []*sequenceStep, place value.Value) value.Value {
	text := func(key, otherwise string) value.Value { return value.String(cmp.Or(s.doc.Get(key).Text(), otherwise)) }
	app, method := s.doc.Get("app").Text(), s.doc.Get("method").Text()
	incoming := s.doc.Get("incoming")
	if !incoming.IsObject() {
		incoming = value.Object()
	}
	if a := s.doc.Get("adapter"); a.Text() != "" {
		incoming = incoming.With("adapter_id", a)
	}
	location := LocationApplication
	if incoming.Has("adapter_id") {
		location = LocationAdapter
	}
	outgoing := s.doc.Get("outgoing")
	if !outgoing.IsObject() {
		outgoing = value.Object()
	}
	var m value.Members
	m.Set("name", value.String(method)).Set("canvasName", value.String(method)).Set("step", value.String(s.name)).
		Set("summary", text("summary", s.name)).Set("description", text("description", "")).
		Set("app", value.String(app)).Set("displayName", value.String(app)).Set("location", text("location", location)).Set("locationType", value.Null).
		Set("type", text("type", string(Automatic))).Set("groups", value.Array()).
		Set("order", value.Int(int64(s.level))).Set("join", value.String(string(JoinAll)))
	if m.Value().Get("location").Text() == LocationAdapter {
		m.Set("locationType", value.String(app))
	}
	if m.Value().Get("type").Text() != string(Manual) {
		m.Set("actor", text("actor", System))
	}
	for _, key := range []string{"runOn", "continueOnError", "guard", "retrySettings", "timeouts", "view"} {
		if v := s.doc.Get(key); !v.IsNothing() {
			m.Set(key, v)
		}
	}
	if parents := s.doc.Get("parents"); parents.Len() > 0 {
		var ids []string
		for _, p := range parents.Elements() {
			i := slices.IndexFunc(all, func(o *sequenceStep) bool { return o.name == p.Text() })
			ids = append(ids, all[i].id)
		}
		m.Set("parents", value.Strings(ids...))
	}
	return m.Set("variables", value.Object("incoming", renamed(incoming, all), "outgoing", outgoing, "error", text("error", ""), "decorators", value.Array())).
		Set("nodeLocation", place).Value()
}

// renamed writes references to steps as references to their tasks: in texts that are one, and
// in the members "task" of reference objects.
func renamed(v value.Value, all []*sequenceStep) value.Value {
	switch v.Kind() {
	case value.KindString:
		rest, ok := strings.CutPrefix(v.Text(), "$var.")
		if !ok {
			return v
		}
		var best *sequenceStep
		for _, s := range all {
			if strings.HasPrefix(rest, s.name+".") && (best == nil || len(s.name) > len(best.name)) {
				best = s
			}
		}
		if best != nil {
			return value.String("$var." + best.id + rest[len(best.name):])
		}
	case value.KindArray:
		for i, e := range v.Elements() {
			v = v.WithAt(i, renamed(e, all))
		}
	case value.KindObject:
		for k, m := range v.Members() {
			if i := slices.IndexFunc(all, func(s *sequenceStep) bool { return s.name == m.Text() }); k == "task" && i >= 0 && (v.Has("variable") || v.Has("value")) {
				v = v.With(k, value.String(all[i].id))
				continue
			}
			v = v.With(k, renamed(m, all))
		}
	}
	return v
}

// inSteps points problems of the tasks that steps became to the steps.
func (ps Problems) inSteps() {
	for i := range ps {
		tokens, err := value.SplitPointer(ps[i].Pointer)
		if err != nil || len(tokens) < 2 || tokens[0] != "tasks" {
			continue
		}
		n, err := strconv.ParseInt(tokens[1], 16, 0)
		if err != nil {
			continue
		}
		rest := tokens[2:]
		if len(rest) > 0 && rest[0] == "variables" {
			rest = rest[1:]
		}
		ps[i].Pointer = pointer("steps", strconv.FormatInt(n-1, 10)) + pointer(rest...)
	}
}

// agent is what runOn begins with when a pool of agents is to do the work.
const agent = "agent:"

// runOn reads where a task is to run: "server", or "agent:<pool>".
func (r *reader) runOn(v value.Value, at string) string {
	text := r.text(v, at, "runOn", false)
	pool, ok := strings.CutPrefix(text, agent)
	if text == "" || text == "server" {
		return ""
	}
	if !ok || pool == "" || len(pool) > longestName || strings.ContainsFunc(pool, isControl) {
		r.errorf(at+"/runOn", "run-on", "\"runOn\" must be \"server\" or \"agent:<pool>\", not %s.", quote(text))
		return ""
	}
	return pool
}

// current is the document without steps that it no longer stands for: somebody has changed
// the tasks on the canvas since.
func current(doc value.Value) value.Value {
	steps := doc.Path(sequenceKey, "steps")
	if !doc.Has(sequenceKey) {
		return doc
	}
	r := &reader{}
	made := r.sequence(value.Object("steps", steps))
	if len(r.problems) > 0 || !value.Equal(made.Get("transitions"), doc.Get("transitions")) || !value.Equal(unplaced(made), unplaced(doc)) {
		return doc.Without(sequenceKey)
	}
	return doc
}

// unplaced are the tasks without their places on the canvas.
func unplaced(doc value.Value) value.Value {
	tasks := doc.Get("tasks")
	for id, t := range tasks.Members() {
		tasks = tasks.With(id, t.Without("nodeLocation"))
	}
	return tasks
}

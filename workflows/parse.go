package workflows

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/heddlehq/heddle/workflows/value"
)

func itoa(i int) string { return strconv.Itoa(i) }

// Parse reads a workflow document. The workflow is usable for storing and showing whatever
// the problems are; only one without errors may be compiled. Parse finds what the document's
// form tells; [Validate] finds what its meaning tells.
func Parse(doc value.Value) (*Workflow, Problems) {
	r := &reader{}
	w := &Workflow{Doc: doc}
	if !doc.IsObject() {
		r.errorf("", "type", "A workflow must be a JSON object, not %s.", article(doc.Kind()))
		return w, r.problems
	}
	if IsSequence(doc) {
		doc = r.sequence(doc)
	} else {
		doc = current(doc)
	}
	w.Doc = doc
	w.ID = r.text(doc, "", "_id", false)
	w.Name = r.text(doc, "", "name", true)
	w.Description = r.text(doc, "", "description", false)
	w.Type = r.text(doc, "", "type", false)
	if w.Type == "" {
		w.Type = "automation"
	}
	w.Groups = r.texts(doc, "", "groups")
	w.Tags = r.kind(doc, "", "tags", value.KindArray)
	w.InputSchema = r.kind(doc, "", "inputSchema", value.KindObject)
	w.OutputSchema = r.kind(doc, "", "outputSchema", value.KindObject)
	w.SLA = r.whole(doc, "", "sla")
	w.Timeout = r.whole(doc, "", "timeout")
	w.Priority = UsualPriority
	if !doc.Get("priority").IsNothing() {
		if n := r.whole(doc, "", "priority"); n < 0 || n > MaxPriority {
			r.errorf("/priority", "range", "A priority is a whole number from 0, the lowest, to %d, the highest, not %d.", MaxPriority, n)
		} else {
			w.Priority = int(n)
		}
	}
	w.Decorators = r.decorators(doc, "")
	if h := doc.Get("errorHandler"); h.IsString() {
		w.ErrorHandler = h.Text()
	}
	if len(r.problems) > 0 && IsSequence(doc) {
		r.problems.locate(w)
		return w, r.problems // there are no tasks to speak of
	}
	w.Tasks = r.tasks(doc)
	w.Transitions, w.Leftover = r.transitions(w, doc)
	r.problems.locate(w)
	return w, r.problems
}

type reader struct{ problems Problems }

func (r *reader) errorf(at, code, format string, args ...any) {
	r.problems = append(r.problems, Problem{Level: Error, Pointer: at, Code: code, Text: fmt.Sprintf(format, args...)})
}

func article(k value.Kind) string {
	switch k {
	case value.KindArray, value.KindObject:
		return "an " + k.String()
	case value.KindNull, value.KindAbsent:
		return k.String()
	}
	return "a " + k.String()
}

// kind is a member that must be of one kind when it is there and not null.
func (r *reader) kind(v value.Value, at, key string, want value.Kind) value.Value {
	m := v.Get(key)
	if m.IsNothing() {
		return value.Absent
	}
	if m.Kind() != want {
		r.errorf(at+pointer(key), "type", "%q must be %s, not %s.", key, article(want), article(m.Kind()))
		return value.Absent
	}
	return m
}

func (r *reader) text(v value.Value, at, key string, required bool) string {
	s := r.kind(v, at, key, value.KindString).Text()
	if required && s == "" && (v.Get(key).IsNothing() || v.Get(key).IsString()) {
		r.errorf(at+pointer(key), "required", "%q is required and must be a non-empty string.", key)
	}
	return s
}

func (r *reader) texts(v value.Value, at, key string) []string {
	var out []string
	for i, e := range r.kind(v, at, key, value.KindArray).Elements() {
		// Groups may be given as ids or as expanded documents.
		if e.IsObject() && e.Get("_id").IsString() {
			e = e.Get("_id")
		}
		if !e.IsString() {
			r.errorf(at+pointer(key, itoa(i)), "type", "An element of %q must be a string, not %s.", key, article(e.Kind()))
			continue
		}
		out = append(out, e.Text())
	}
	return out
}

func (r *reader) whole(v value.Value, at, key string) int64 {
	m := v.Get(key)
	if m.IsNothing() || m.IsString() && m.Text() == "" {
		return 0
	}
	i, ok := m.Int()
	if !ok || i < 0 {
		r.errorf(at+pointer(key), "type", "%q must be a whole number of at least 0.", key)
		return 0
	}
	return i
}

func (r *reader) factor(v value.Value, at, key string, limit float64) float64 {
	m := v.Get(key)
	if m.IsNothing() {
		return 0
	}
	if f := m.Float(); !m.IsNumber() || f < 0 || f > limit {
		r.errorf(at+pointer(key), "type", "%q must be a number from 0 to %g.", key, limit)
		return 0
	}
	return m.Float()
}

func (r *reader) decorators(v value.Value, at string) []Decorator {
	var out []Decorator
	for i, d := range r.kind(v, at, "decorators", value.KindArray).Elements() {
		at := at + pointer("decorators", itoa(i))
		if _, err := value.SplitPointer(d.Get("pointer").Text()); !d.IsObject() || err != nil {
			r.errorf(at, "decorator", "A decorator must be an object with a type and a JSON pointer.")
			continue
		}
		out = append(out, Decorator{Type: d.Get("type").Text(), Pointer: d.Get("pointer").Text()})
	}
	return out
}

func (r *reader) tasks(doc value.Value) []Task {
	tasks := doc.Get("tasks")
	if !tasks.IsObject() {
		r.errorf("/tasks", "required", "\"tasks\" is required and must be an object of task id to task.")
		return nil
	}
	var out []Task
	for id, v := range tasks.Members() {
		if id == ErrorHandlerID {
			continue
		}
		out = append(out, r.task(id, v))
	}
	slices.SortFunc(out, func(a, b Task) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

func (r *reader) task(id string, v value.Value) Task {
	at := pointer("tasks", id)
	t := Task{ID: id, Incoming: value.Object(), Outgoing: value.Object()}
	if !v.IsObject() {
		r.errorf(at, "type", "A task must be an object, not %s.", article(v.Kind()))
		return t
	}
	t.Name = r.text(v, at, "name", true)
	t.Groups = r.texts(v, at, "groups")
	t.Join = Join(r.oneOf(v, at, "join", string(JoinAll)))
	if IsReserved(id) {
		return t
	}
	t.Step = r.text(v, at, "step", false)
	t.Order = int(r.whole(v, at, "order"))
	t.Parents = r.texts(v, at, "parents")
	t.Pool = r.runOn(v, at)
	t.CanvasName = r.text(v, at, "canvasName", false)
	t.Summary = r.text(v, at, "summary", false)
	t.Description = r.text(v, at, "description", false)
	t.App = r.text(v, at, "app", true)
	t.Location = r.text(v, at, "location", true)
	t.LocationType = r.text(v, at, "locationType", false)
	t.DisplayName = r.text(v, at, "displayName", false)
	t.Type = TaskType(r.text(v, at, "type", true))
	t.Actor = r.text(v, at, "actor", false)
	t.View = r.text(v, at, "view", false)
	t.ContinueOnErr = r.kind(v, at, "continueOnError", value.KindBool).Truth()
	t.Guard = r.limits(v.Get("guard"), at+"/guard")
	vars := r.kind(v, at, "variables", value.KindObject)
	if vars.IsAbsent() {
		if v.Get("variables").IsNothing() {
			r.errorf(at+"/variables", "required", "A task needs \"variables\" with \"incoming\" and \"outgoing\".")
		}
	} else {
		if in := r.kind(vars, at+"/variables", "incoming", value.KindObject); !in.IsAbsent() {
			t.Incoming = in
		}
		if out := r.kind(vars, at+"/variables", "outgoing", value.KindObject); !out.IsAbsent() {
			t.Outgoing = out
		}
		t.Decorators = r.decorators(vars, at+"/variables")
		t.ErrorVariable = r.errorVariable(vars, at+"/variables/error")
	}
	t.Retry = r.retry(v, at)
	if to := r.kind(v, at, "timeouts", value.KindObject); !to.IsAbsent() {
		at := at + "/timeouts"
		t.Timeouts = Timeouts{Queue: r.whole(to, at, "queue"), Run: r.whole(to, at, "run"), Heartbeat: r.whole(to, at, "heartbeat")}
	}
	if p := r.kind(v, at, "person", value.KindObject); !p.IsAbsent() {
		at := at + "/person"
		t.Person = Person{
			Due: r.whole(p, at, "due"), Remind: r.whole(p, at, "remind"), Escalate: r.whole(p, at, "escalate"), EscalateTo: r.texts(p, at, "escalateTo"),
			Approvals: int(r.whole(p, at, "approvals")), NotStarter: r.kind(p, at, "notStarter", value.KindBool).Truth(),
		}
	}
	if c := r.kind(v, at, "children", value.KindObject); !c.IsAbsent() {
		at := at + "/children"
		t.Children.Concurrency = int(r.whole(c, at, "concurrency"))
		t.Children.OnError = r.oneOf(c, at, "onError", "wait", "error")
		t.Children.Fail = r.oneOf(c, at, "fail", "all", "any", "never")
	}
	return t
}

func (r *reader) errorVariable(vars value.Value, at string) string {
	e := vars.Get("error")
	if e.IsNothing() || e.IsString() && e.Text() == "" {
		return ""
	}
	name, ok := ParseVariable(e.Text())
	if !ok {
		r.errorf(at, "binding", "An error binding must be \"\" or \"$var.job.<name>\".")
	}
	return name
}

func (r *reader) oneOf(v value.Value, at, key string, want ...string) string {
	s := r.text(v, at, key, false)
	if s != "" && !slices.Contains(want, s) {
		r.errorf(at+pointer(key), "enum", "%q must be one of %q.", key, want)
		return ""
	}
	return s
}

func (r *reader) retry(task value.Value, at string) *Retry {
	v := r.kind(task, at, "retrySettings", value.KindObject)
	if v.IsAbsent() {
		return nil
	}
	at += "/retrySettings"
	out := &Retry{
		Auto:       r.kind(v, at, "autoRetry", value.KindBool).Truth(),
		Limit:      int(r.whole(v, at, "limit")),
		Delay:      r.whole(v, at, "delay"),
		Backoff:    r.factor(v, at, "backoff", 100),
		MaxDelay:   r.whole(v, at, "maxDelay"),
		Jitter:     r.factor(v, at, "jitter", 1),
		Budget:     r.whole(v, at, "budget"),
		Classes:    r.texts(v, at, "classes"),
		NotClasses: r.texts(v, at, "notClasses"),
		Exhausted:  Exhausted(r.oneOf(v, at, "exhausted", "fail", "block", "pause")),
	}
	for i, s := range r.texts(v, at, "state") {
		state := FinishState(s)
		if state != Success && state != Failure && state != Failed {
			r.errorf(at+pointer("state", itoa(i)), "enum", "A state to retry on must be \"error\", \"failure\" or \"success\".")
			continue
		}
		out.States = append(out.States, state)
	}
	return out
}

func (r *reader) transitions(w *Workflow, doc value.Value) (links []Transition, leftover []string) {
	v := doc.Get("transitions")
	if !v.IsObject() {
		r.errorf("/transitions", "required", "\"transitions\" is required and must be an object of task id to transitions.")
		return nil, nil
	}
	for from, targets := range v.Members() {
		at := pointer("transitions", from)
		if _, ok := w.Task(from); !ok {
			leftover = append(leftover, from)
			continue
		}
		if !targets.IsObject() {
			r.errorf(at, "type", "The transitions of a task must be an object of target to transition, not %s.", article(targets.Kind()))
			continue
		}
		for to, e := range targets.Members() {
			if to == ErrorHandlerID {
				continue
			}
			at := at + pointer(to)
			if !e.IsObject() {
				r.errorf(at, "type", "A transition must be an object with \"type\" and \"state\", not %s.", article(e.Kind()))
				continue
			}
			link := Transition{From: from, To: to, Type: TransitionType(e.Get("type").Text()), State: FinishState(e.Get("state").Text())}
			if link.Type != Standard && link.Type != Revert {
				r.errorf(at+"/type", "enum", "A transition's type must be \"standard\" or \"revert\".")
				continue
			}
			switch link.State {
			case Success, Failure, Failed, Loop:
			default:
				r.errorf(at+"/state", "enum", "A transition's state must be \"success\", \"failure\", \"error\" or \"loop\".")
				continue
			}
			if _, ok := w.Task(to); !ok {
				r.errorf(at, "dangling", "The transition from %q leads to %q, which is no task of the workflow.", from, to)
				continue
			}
			links = append(links, link)
		}
	}
	slices.SortFunc(links, func(a, b Transition) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	return links, leftover
}

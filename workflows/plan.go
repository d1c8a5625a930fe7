package workflows

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Planned is a task with its place in the order in which a workflow starts its tasks.
type Planned struct {
	*Task
	Level int // tasks of one level start together, from 1 on
}

// Identifier is how people name the task: its step, or its id on the canvas.
func (t *Task) Identifier() string { return cmp.Or(t.Step, t.ID) }

// Plan lists the tasks of a workflow in the order in which they start if every one of them
// runs: by the orders of a sequence, or on a canvas by the longest way from the start.
func (w *Workflow) Plan() []Planned {
	g := newGraph(w)
	level := make([]int, len(w.Tasks))
	for _, i := range g.order {
		for n := 0; ; n++ {
			to, ok := g.successor(i, n)
			if !ok {
				break
			}
			level[to] = max(level[to], level[i]+1)
		}
	}
	var out []Planned
	for i := range w.Tasks {
		t := &w.Tasks[i]
		if !IsReserved(t.ID) {
			out = append(out, Planned{t, cmp.Or(t.Order, level[i])})
		}
	}
	slices.SortStableFunc(out, func(a, b Planned) int { return cmp.Compare(a.Level, b.Level) })
	return out
}

// Selection chooses tasks of a plan. Only, FirstOfType and Contains exclude each other; Begin
// and End, both inclusive, apply to what they choose. Tasks are named by their identifiers or ids.
type Selection struct {
	Begin, End  string
	Only        string
	FirstOfType string // a method, or "<app>.<method>"
	Contains    string // part of an identifier
}

// SelectionError tells what is wrong with a selection.
type SelectionError struct {
	Option  string // begin, end, only, firstOfType or contains
	Unknown bool   // it names or finds nothing; otherwise it contradicts itself
	Text    string
}

func (e *SelectionError) Error() string { return e.Text }

// Select gives the ids of the chosen tasks in their order, nil for an empty selection. The
// error is a *SelectionError.
func Select(plan []Planned, s Selection) ([]string, error) {
	if s == (Selection{}) {
		return nil, nil
	}
	var by []string
	for _, o := range []struct{ name, value string }{{"only", s.Only}, {"firstOfType", s.FirstOfType}, {"contains", s.Contains}} {
		if o.value != "" {
			by = append(by, o.name)
		}
	}
	if len(by) > 1 {
		return nil, &SelectionError{Option: by[1], Text: fmt.Sprintf("%q and %q exclude each other", by[0], by[1])}
	}
	first, last := 0, len(plan)-1
	for _, o := range []struct {
		name, value string
		at          *int
	}{{"begin", s.Begin, &first}, {"end", s.End, &last}, {"only", s.Only, new(int)}} {
		if o.value == "" {
			continue
		}
		if *o.at = find(plan, o.value); *o.at < 0 {
			return nil, &SelectionError{Option: o.name, Unknown: true, Text: fmt.Sprintf("there is no task %s in the plan", quote(o.value))}
		}
	}
	if first > last {
		return nil, &SelectionError{Option: "end", Text: fmt.Sprintf("%s comes before %s, so nothing lies between them", quote(s.End), quote(s.Begin))}
	}
	var ids []string
	found := false
	for i, t := range plan {
		chosen := false
		switch {
		case s.Only != "":
			chosen = i == find(plan, s.Only)
		case s.FirstOfType != "":
			chosen = !found && (t.Name == s.FirstOfType || t.App+"."+t.Name == s.FirstOfType)
			found = found || chosen
		case s.Contains != "":
			chosen = strings.Contains(t.Identifier(), s.Contains)
		default:
			chosen = true
		}
		if chosen && first <= i && i <= last {
			ids = append(ids, t.ID)
		}
	}
	if len(ids) == 0 {
		option := "begin"
		if len(by) > 0 {
			option = by[0]
		}
		return nil, &SelectionError{Option: option, Unknown: true, Text: "nothing selected: no task of the plan fits"}
	}
	return ids, nil
}

// find is the place of the task with an identifier, or else an id; -1 when there is none.
func find(plan []Planned, name string) int {
	if i := slices.IndexFunc(plan, func(p Planned) bool { return p.Step == name }); i >= 0 && name != "" {
		return i
	}
	return slices.IndexFunc(plan, func(p Planned) bool { return p.ID == name })
}

package runner

import (
	"github.com/heddlehq/heddle/engine"
	"github.com/heddlehq/heddle/workflows"
)

// intake is what a shard has taken in and not done yet. It lets the shard choose: people come
// first, then starts, on which callers wait, then results, on which nobody does; and within
// each, jobs of a higher priority come more often, and workflows take turns however much each has to do.
type intake struct {
	acts           []*item
	starts, events rota
	n              int
}

// While starts wait, a round does a few events and one more for every so many starts, so that
// a storm of starts slows running jobs down but never stops them.
const (
	eventsAnyway   = 8
	startsPerEvent = 3
)

func (q *intake) add(workflow string, priority engine.Priority, it *item) {
	q.n++
	switch {
	case it.sent != nil, it.reply != nil && it.event.Type != engine.JobStarted:
		q.acts = append(q.acts, it)
	case it.event.Type == engine.JobStarted:
		q.starts.add(workflow, priority, it)
	default:
		q.events.add(workflow, priority, it)
	}
}

// pick takes out up to n items.
func (q *intake) pick(n int) []*item {
	out := make([]*item, 0, min(n, q.n))
	k := min(n, len(q.acts))
	out, q.acts = append(out, q.acts[:k]...), q.acts[k:]
	before := len(out)
	out = q.starts.take(out, n-len(out))
	room := n - len(out)
	if starts := len(out) - before; starts > 0 {
		room = min(room, eventsAnyway+starts/startsPerEvent)
	}
	out = q.events.take(out, room)
	q.n -= len(out)
	return out
}

// rota gives out items so that priorities get their shares and, within each, workflows take
// turns. Each level of priority counts for twice the one below: nobody waits for ever.
type rota struct {
	levels [workflows.MaxPriority + 1]level
	now    uint64 // the clock of the level that was served last
}

// level is what has one priority. Its clock goes the slower the higher it is, and the level whose clock is
// behind is served.
type level struct {
	lanes map[string]*lane
	turns []*lane // those that hold something, in the order of their turns
	clock uint64
}

type lane struct {
	workflow string
	items    []*item
}

func (r *rota) add(workflow string, priority engine.Priority, it *item) {
	v := &r.levels[priority.Level()]
	if len(v.turns) == 0 {
		v.clock = max(v.clock, r.now) // having had nothing to do earns nothing
	}
	l := v.lanes[workflow]
	if l == nil {
		l = &lane{workflow: workflow}
		if v.lanes == nil {
			v.lanes = map[string]*lane{}
		}
		v.lanes[workflow] = l
		v.turns = append(v.turns, l)
	}
	l.items = append(l.items, it)
}

// take appends up to n items to out.
func (r *rota) take(out []*item, n int) []*item {
	for ; n > 0; n-- {
		next := -1
		for i := range r.levels {
			if v := &r.levels[i]; len(v.turns) > 0 && (next < 0 || v.clock <= r.levels[next].clock) {
				next = i
			}
		}
		if next < 0 {
			return out
		}
		v := &r.levels[next]
		r.now = v.clock
		v.clock += 1 << (workflows.MaxPriority - next)
		out = append(out, v.take())
	}
	return out
}

// take takes one item out of a level that holds some.
func (v *level) take() *item {
	l := v.turns[0]
	v.turns = v.turns[1:]
	it := l.items[0]
	if l.items = l.items[1:]; len(l.items) > 0 {
		v.turns = append(v.turns, l)
	} else {
		delete(v.lanes, l.workflow)
	}
	return it
}

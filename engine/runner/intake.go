package runner

import "github.com/heddlehq/heddle/engine"

// intake is what a shard has taken in and not done yet. It lets the shard choose: people come
// first, then starts, on which callers wait, then results, on which nobody does; and within
// each, workflows take turns however much each has to do.
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

func (q *intake) add(workflow string, it *item) {
	q.n++
	switch {
	case it.sent != nil, it.reply != nil && it.event.Type != engine.JobStarted:
		q.acts = append(q.acts, it)
	case it.event.Type == engine.JobStarted:
		q.starts.add(workflow, it)
	default:
		q.events.add(workflow, it)
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

// rota gives out items so that workflows take turns.
type rota struct {
	lanes map[string]*lane
	turns []*lane // those that hold something, in the order of their turns
}

type lane struct {
	workflow string
	items    []*item
}

func (r *rota) add(workflow string, it *item) {
	l := r.lanes[workflow]
	if l == nil {
		l = &lane{workflow: workflow}
		if r.lanes == nil {
			r.lanes = map[string]*lane{}
		}
		r.lanes[workflow] = l
		r.turns = append(r.turns, l)
	}
	l.items = append(l.items, it)
}

// take appends up to n items to out.
func (r *rota) take(out []*item, n int) []*item {
	for ; n > 0 && len(r.turns) > 0; n-- {
		l := r.turns[0]
		r.turns = r.turns[1:]
		out, l.items = append(out, l.items[0]), l.items[1:]
		if len(l.items) > 0 {
			r.turns = append(r.turns, l)
		} else {
			delete(r.lanes, l.workflow)
		}
	}
	return out
}

package natsbus

import (
	"errors"
	"testing"
)

// A flight whose answers are all in may serve again; an answer that is late must not be
// taken for that of another message.
func TestAcks_reuse(t *testing.T) {
	t.Parallel()
	a := newAcks()
	begin := func() *flight { return a.begin(2) }
	first := begin()
	a.settle(first.id, 0, nil)
	a.settle(first.id, 1, errors.New("refused"))
	<-first.landed
	a.end(first, nil)
	if first.errs[0] != nil || first.errs[1] == nil {
		t.Errorf("outcome %v, want the second refused", first.errs)
	}
	a.release(first)

	again := begin()
	if again != first || again.errs[1] != nil || again.left != 2 {
		t.Errorf("flight %d with %v and %d left, want flight %d as new", again.id, again.errs, again.left, first.id)
	}
	unanswered := errors.New("unanswered")
	a.settle(again.id, 0, nil)
	a.end(again, unanswered)
	if again.errs[0] != nil || !errors.Is(again.errs[1], unanswered) {
		t.Errorf("outcome %v, want the second unanswered", again.errs)
	}
	a.release(again)

	for name, spoil := range map[string]func(*flight){
		"unanswered":   func(*flight) {},
		"not sent":     func(f *flight) { a.refuse(f, 0, unanswered); a.refuse(f, 1, unanswered) },
		"disconnected": func(*flight) { a.abort(unanswered) },
	} {
		f := begin()
		if f == again {
			t.Errorf("%s: the flight before, which still may be answered, serves again", name)
		}
		again = f
		spoil(f)
		a.end(f, unanswered)
		a.release(f)
	}
}

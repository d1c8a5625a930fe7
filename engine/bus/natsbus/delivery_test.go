package natsbus

import (
	"testing"
	"time"
)

func TestMeta(t *testing.T) {
	t.Parallel()
	for reply, want := range map[string]struct {
		deliveries int
		seq        uint64
	}{
		"$JS.ACK.HEDDLE_TASKS.pool.3.17.19.1700000000000000000.5":                     {3, 17},
		"$JS.ACK._.acc0unt.HEDDLE_TASKS.pool.1.4000000000.19.1700000000000000000.5":   {1, 4000000000},
		"$JS.ACK.hub.acc0unt.HEDDLE_TASKS.pool.12.1.2.1700000000000000000.0.anything": {12, 1},
		"$JS.ACK.HEDDLE_TASKS": {1, 0},
		"":                     {1, 0},
	} {
		if deliveries, seq, _ := meta(reply); deliveries != want.deliveries || seq != want.seq {
			t.Errorf("%s: delivery %d of %d, want %d of %d", reply, deliveries, seq, want.deliveries, want.seq)
		}
	}
}

// An answer about a message of a stream's earlier life is not sent: the server would take it
// for another message of the same number.
func TestDelivery_ofAnEarlierLife(t *testing.T) {
	t.Parallel()
	var b births
	if b.after("s", 5) {
		t.Error("a stream nobody knows is younger than a message")
	}
	b.note("s", time.Unix(0, 1_000))
	for stored, want := range map[int64]bool{0: false, 999: true, 1_000: false, 1_001: false} {
		if got := b.after("s", stored); got != want {
			t.Errorf("stored at %d, the stream made at 1000: %v, want %v", stored, got, want)
		}
	}
	if _, _, stored := meta("$JS.ACK.HEDDLE_EVENTS.engine.1.7.9.1700000000000000042.3"); stored != 1700000000000000042 {
		t.Errorf("stored at %d", stored)
	}
}

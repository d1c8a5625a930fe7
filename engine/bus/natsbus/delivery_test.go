package natsbus

import "testing"

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
		if deliveries, seq := meta(reply); deliveries != want.deliveries || seq != want.seq {
			t.Errorf("%s: delivery %d of %d, want %d of %d", reply, deliveries, seq, want.deliveries, want.seq)
		}
	}
}

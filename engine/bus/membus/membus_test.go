package membus_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/bustest"
	"github.com/heddlehq/heddle/engine/bus/membus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBus(t *testing.T) {
	t.Parallel()
	bustest.Run(t, bustest.Driver{
		Open: func(_ *testing.T, streams []bus.Stream) bus.Bus { return membus.New(membus.Options{Streams: streams}) },
		Wipe: func(_ *testing.T, b bus.Bus) { b.(*membus.Bus).Wipe() },
	})
}

package natsbus_test

import (
	"log/slog"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/bustest"
	"github.com/heddlehq/heddle/engine/bus/natsbus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBus(t *testing.T) {
	t.Parallel()
	bustest.Run(t, bustest.Driver{
		Open: func(t *testing.T, streams []bus.Stream) bus.Bus {
			return open(t, natsbus.Options{Embedded: &natsbus.Embedded{Dir: t.TempDir()}, Streams: streams})
		},
		Wipe: deleteStreams,
	})
}

func open(t *testing.T, opts natsbus.Options) *natsbus.Bus {
	t.Helper()
	opts.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	b, err := natsbus.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// deleteStreams does what a person with the nats command line may do.
func deleteStreams(t *testing.T, b bus.Bus) {
	t.Helper()
	js, err := jetstream.New(natsbus.Conn(b.(*natsbus.Bus)))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range bus.Streams() {
		if err := js.DeleteStream(t.Context(), s.Name); err != nil {
			t.Fatal(err)
		}
	}
}

package system

import (
	"context"

	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/natsbus"
)

// OpenTestBus starts a bus in a folder, which other processes of this machine reach at the address.
func OpenTestBus(ctx context.Context, dir string) (b bus.Bus, address string, err error) {
	n, err := natsbus.Open(ctx, natsbus.Options{Embedded: &natsbus.Embedded{Dir: dir, Listen: "127.0.0.1:0"}})
	if err != nil {
		return nil, "", err
	}
	return n, n.URL(), nil
}

// WorkerURL is how adapters of a pool reach the embedded bus at an address, that of its file of
// credentials: they may take and answer the orders of the apps, or without apps all of the pool.
func WorkerURL(address, pool string, apps []string) (string, error) {
	return natsbus.WorkerURL(address, natsbus.Worker{Pool: pool, Apps: apps})
}

// WorkerPermissions are the user and the subjects by which a NATS cluster grants the same.
func WorkerPermissions(pool string, apps []string) (user string, publish, listen []string) {
	w := natsbus.Worker{Pool: pool, Apps: apps}
	publish, listen = w.Permissions()
	return w.User(), publish, listen
}

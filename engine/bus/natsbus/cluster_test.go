package natsbus_test

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/heddlehq/heddle/engine/bus"
	"github.com/heddlehq/heddle/engine/bus/natsbus"
)

// cluster starts three servers that know each other.
func cluster(t *testing.T) []*server.Server {
	t.Helper()
	var routes []*url.URL
	var held []net.Listener // until all three ports are chosen
	for range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		routes = append(routes, &url.URL{Scheme: "nats-route", Host: l.Addr().String()})
		held = append(held, l)
	}
	for _, l := range held {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var servers []*server.Server
	for i, r := range routes {
		port, err := strconv.Atoi(r.Port())
		if err != nil {
			t.Fatal(err)
		}
		s, err := server.NewServer(&server.Options{
			ServerName: fmt.Sprintf("n%d", i), Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
			JetStream: true, StoreDir: t.TempDir(), JetStreamMaxStore: 8 << 30, JetStreamMaxMemory: 64 << 20,
			Cluster: server.ClusterOpts{Name: "heddle", Host: "127.0.0.1", Port: port}, Routes: routes,
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		t.Cleanup(func() {
			s.Shutdown()
			s.WaitForShutdown()
		})
		servers = append(servers, s)
	}
	return servers
}

// A cluster that is only just coming up is waited for, and the death of any server is survived.
func TestCluster_serverDies(t *testing.T) {
	if testing.Short() {
		t.Skip("a cluster takes seconds to come up")
	}
	t.Parallel()
	servers := cluster(t)
	var urls []string
	for _, s := range servers {
		if !s.ReadyForConnections(patience) {
			t.Fatal("server not ready")
		}
		urls = append(urls, s.ClientURL())
	}
	b := open(t, natsbus.Options{URLs: urls, Replicas: 3, Timeout: 30 * time.Second})
	t.Cleanup(func() { closeBus(t, b) })
	ch := consume(t, b)
	before := epoch(t, b)
	publish(t, b, ring)
	wait(t, ch, "before the death")

	js, err := jetstream.New(natsbus.Conn(b))
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), bus.Events)
	if err != nil {
		t.Fatal(err)
	}
	if n := s.CachedInfo().Config.Replicas; n != 3 {
		t.Errorf("%d replicas, want 3", n)
	}
	for _, victim := range servers {
		if victim.Name() == s.CachedInfo().Cluster.Leader {
			victim.Shutdown()
			victim.WaitForShutdown()
		}
	}
	publish(t, b, ring)
	wait(t, ch, "after the leader's death")
	if after := epoch(t, b); after != before {
		t.Errorf("epoch %q, want %q: nothing was lost", after, before)
	}
}

package mongostore

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// service is what the test reads of a service in docker-compose.yml.
type service struct {
	Image       string
	Build       string
	Command     []string
	Entrypoint  []string
	Networks    []string
	Ports       []string
	Volumes     []string
	ReadOnly    bool           `yaml:"read_only"`
	Healthcheck map[string]any `yaml:"healthcheck"`
	DependsOn   map[string]struct {
		Condition string
	} `yaml:"depends_on"`
}

// TestCompose checks docker-compose.yml against itself and its address of the
// database against what the store takes for safe.
func TestCompose(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Services map[string]service
		Networks map[string]struct{ Internal bool }
		Volumes  map[string]any
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	mounted := map[string]string{}
	for name, s := range file.Services {
		for dep, on := range s.DependsOn {
			other, ok := file.Services[dep]
			switch {
			case !ok:
				t.Errorf("%s waits for %s, which is not there", name, dep)
			case on.Condition == "service_healthy" && other.Healthcheck == nil && other.Build == "":
				t.Errorf("%s waits for the health of %s, which has no check", name, dep)
			}
		}
		for _, v := range s.Volumes {
			volume, _, _ := strings.Cut(v, ":")
			if _, ok := file.Volumes[volume]; !ok || mounted[volume] != "" {
				t.Errorf("%s: volume %s is not declared or belongs to %q", name, volume, mounted[volume])
			}
			mounted[volume] = name
		}
		for _, n := range s.Networks {
			if _, ok := file.Networks[n]; !ok {
				t.Errorf("%s: there is no network %s", name, n)
			}
		}
		if slices.Contains(s.Networks, "outside") != strings.HasPrefix(name, "heddle") {
			t.Errorf("%s is on %v: only the servers are on the outside", name, s.Networks)
		}
	}
	if len(mounted) != len(file.Volumes) || !file.Networks["inside"].Internal {
		t.Errorf("volumes in use %v, declared %v; inside is internal: %v", mounted, file.Volumes, file.Networks["inside"].Internal)
	}
	for _, name := range []string{"heddle1", "heddle2"} {
		checkServer(t, file.Services, name)
	}
}

// checkServer follows the addresses of a Heddle server.
func checkServer(t *testing.T, services map[string]service, name string) {
	t.Helper()
	s := services[name]
	flag := func(name string) string {
		if i := slices.Index(s.Command, name); i >= 0 && i+1 < len(s.Command) {
			return s.Command[i+1]
		}
		return ""
	}
	a, err := parseAddress(flag("--store"))
	if err != nil {
		t.Fatalf("%s: --store: %v", name, err)
	}
	o := options.Client().ApplyURI(a.uri)
	var u risks
	u.askedFor(o)
	if err := u.err(); err != nil || a.marked {
		t.Errorf("%s: --store %s: %v, marked unsafe: %v", name, a.uri, err, a.marked)
	}
	if len(o.Hosts) != 3 || o.ReplicaSet == nil || a.database != "heddle" {
		t.Errorf("%s: --store %s is no set of three", name, a.uri)
	}
	for _, host := range o.Hosts {
		member := services[strings.TrimSuffix(host, ":27017")]
		if i := slices.Index(member.Command, "--replSet"); i < 0 || o.ReplicaSet == nil || member.Command[i+1] != *o.ReplicaSet {
			t.Errorf("%s: %s is no member of the set: %v", name, host, member.Command)
		}
	}
	buses := strings.Split(flag("--nats"), ",")
	if len(buses) != 3 {
		t.Errorf("%s: --nats %v is no cluster of three", name, buses)
	}
	for _, bus := range buses {
		own := strings.TrimSuffix(strings.TrimPrefix(bus, "nats://"), ":4222")
		if !slices.Contains(services[own].Command, "--jetstream") {
			t.Errorf("%s: %s has no JetStream: %v", name, bus, services[own].Command)
		}
		for _, other := range buses {
			route := strings.Replace(other, ":4222", ":6222", 1)
			if other != bus && !strings.Contains(strings.Join(services[own].Command, " "), route) {
				t.Errorf("%s has no route %s", own, route)
			}
		}
	}
	if flag("--listen") != "0.0.0.0:3000" || !slices.Contains(s.Command, "--insecure-http") || !s.ReadOnly {
		t.Errorf("%s listens by %v, read-only %v", name, s.Command, s.ReadOnly)
	}
	for _, p := range s.Ports {
		if !strings.HasPrefix(p, "127.0.0.1:") {
			t.Errorf("%s: port %s is open to the network", name, p)
		}
	}
	if fmt.Sprint(s.Volumes) != "["+name+":/data]" {
		t.Errorf("%s has the volumes %v", name, s.Volumes)
	}
}

package adapters

import (
	"context"
	"regexp"

	"github.com/heddlehq/heddle/engine/bus"
)

// Metadata by which an adapter is known among the micro services on the bus.
const (
	MetaProtocol = "heddle-protocol" // the version of the messages
	MetaApp      = "app"
	MetaPool     = "pool"
	MetaKind     = "kind"
)

// ManifestSubject is where the adapters of an app in a pool say what they can do.
func ManifestSubject(pool, app string) string {
	return "heddle.manifest." + bus.Token(pool) + "." + bus.Token(app)
}

var (
	notName = regexp.MustCompile(`[^A-Za-z0-9_-]+`)
	semver  = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)
)

// announce shows the server to whoever looks for adapters, until ctx ends.
func (s *Server) announce(ctx context.Context, pool, worker string) {
	directory, ok := s.Bus.(bus.Directory)
	if !ok {
		return
	}
	version := s.Kind.Version
	if !semver.MatchString(version) {
		version = "0.0.0"
	}
	err := directory.Announce(ctx, bus.Service{
		Name: notName.ReplaceAllString(s.Kind.name(), "-"), Version: version, Description: s.Kind.Summary,
		Metadata: map[string]string{
			MetaProtocol: "1", MetaApp: s.Kind.App, MetaPool: pool, MetaKind: s.Kind.name(), "version": s.Kind.Version, "worker": worker,
		},
		Documents: map[string][]byte{ManifestSubject(pool, s.Kind.App): s.Kind.Manifest().AppendJSON(nil)},
		Stats:     s.stats,
	})
	if err != nil && ctx.Err() == nil {
		s.log().Warn("adapter not announced, it works all the same", "app", s.Kind.App, "err", err)
	}
}

// stats is what the statistics of the micro service say about the instances.
func (s *Server) stats() any {
	all, err := s.Health()
	if err != nil {
		return nil
	}
	out := map[string]any{}
	for _, h := range all {
		out[h.ID] = map[string]any{"state": h.State, "calls": h.Calls, "failures": h.Failures, "running": h.Running, "waiting": h.Waiting}
	}
	return out
}

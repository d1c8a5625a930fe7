package bus

import "context"

// Directory is a bus on which services can be found: every one answers the discovery of NATS
// micro services, so that `nats micro ls`, `info` and `stats` show it. natsbus is one.
type Directory interface {
	// Announce answers for a service until ctx ends. Before it returns the service is gone.
	Announce(ctx context.Context, s Service) error
	// Services lists who answers within about half a second, ordered by name and id.
	Services(ctx context.Context) ([]Service, error)
	// Request reads what one of those who announced the subject has to say there.
	Request(ctx context.Context, subject string) ([]byte, error)
}

// Service describes one process that does a kind of work.
type Service struct {
	Name        string // letters, digits, '-' and '_'
	ID          string // of this process; given by Announce
	Version     string // semantic version
	Description string
	Metadata    map[string]string
	// Documents are texts that others may request, by their subjects.
	Documents map[string][]byte
	// Stats is shown to whoever asks for statistics; nil for none.
	Stats func() any
}

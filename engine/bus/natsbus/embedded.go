package natsbus

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/heddlehq/heddle/engine/bus"
)

// Embedded describes a server inside the process.
type Embedded struct {
	// Dir holds JetStream's files. It may be deleted at any time: what it held is told again.
	Dir string
	// Listen is the address other processes connect to, host:port; port 0 picks a free one. "off" or ""
	// opens no port.
	Listen string
	// Credentials is the file with the URL, user and password included, that whoever connects
	// needs. It is made at the first start, readable by the owner alone, kept, and written again
	// if it is lost meanwhile. "" means beside Dir, under its name with ".url" at the end.
	Credentials string
}

const (
	startTimeout = 20 * time.Second
	externalUser = "heddle"
	internalUser = "internal"
)

type embedded struct {
	*server.Server
	dir      string
	internal string // password of the connection inside the process; it never leaves memory
	secret   secretFile
	external string // password of other processes, "" when it does not listen
	pumps    sync.WaitGroup
	arrivals chan Worker // that logged in
}

func startEmbedded(e Embedded, streams []bus.Stream, log *slog.Logger) (*embedded, error) {
	if e.Dir == "" {
		return nil, errors.New("the embedded server needs a folder")
	}
	if err := os.MkdirAll(e.Dir, 0o700); err != nil {
		return nil, err
	}
	internal := secret()
	opts := &server.Options{
		ServerName:             "heddle",
		DontListen:             true,
		JetStream:              true,
		StoreDir:               e.Dir,
		JetStreamMaxStore:      room(streams),
		JetStreamMaxMemory:     64 << 20,
		NoSigs:                 true,
		DisableJetStreamBanner: true,
		// Each acknowledgement has a subject of its own; a cache of routes only forgets.
		NoSublistCache: true,
	}
	arrivals := make(chan Worker, 64)
	door := &doorkeeper{users: map[string]string{internalUser: internal}, arrived: func(w Worker) {
		select {
		case arrivals <- w:
		default: // it comes again: without its consumer it has nothing to do
		}
	}}
	file := secretFile(cmp.Or(e.Credentials, filepath.Clean(e.Dir)+".url"))
	var external string
	if e.Listen != "" && e.Listen != "off" {
		host, port, err := splitAddress(e.Listen)
		if err != nil {
			return nil, err
		}
		if external, err = file.load(); err != nil {
			return nil, err
		}
		opts.DontListen, opts.Host, opts.Port = false, host, port
		door.users[externalUser], door.external = external, external
		if err := free(e.Listen); err != nil {
			return nil, err
		}
	}
	opts.CustomClientAuthentication = door
	srv, err := server.NewServer(opts)
	if err != nil {
		return nil, err
	}
	srv.SetLoggerV2(&serverLog{log}, false, false, false)
	s := &embedded{Server: srv, dir: e.Dir, internal: internal, secret: file, external: external, arrivals: arrivals}
	srv.Start()
	if !srv.ReadyForConnections(startTimeout) || !srv.JetStreamEnabled() {
		s.stop()
		return nil, fmt.Errorf("embedded NATS server on %s did not start, its log says why", e.Dir)
	}
	if external != "" {
		if err := file.save(s.url()); err != nil {
			s.stop()
			return nil, err
		}
		log.Info("bus listening", "addr", srv.Addr().String(), "credentials", string(file))
	}
	return s, nil
}

func (s *embedded) connect() []nats.Option {
	return []nats.Option{nats.InProcessServer(s), nats.UserInfo(internalUser, s.internal)}
}

// InProcessConn gives nats.go the connection.
func (s *embedded) InProcessConn() (net.Conn, error) {
	conn, err := s.Server.InProcessConn()
	if err != nil {
		return nil, err
	}
	p := newPipe(conn)
	s.pumps.Go(p.pump)
	return p, nil
}

func (s *embedded) stop() {
	s.Shutdown()
	s.WaitForShutdown()
	s.pumps.Wait()
}

// vanished reports whether a stream's files were deleted under the running server, which
// itself goes on without noticing until it needs a new file.
func (s *embedded) vanished(stream string) bool {
	_, err := os.Stat(filepath.Join(s.dir, server.JetStreamStoreDir, server.DEFAULT_GLOBAL_ACCOUNT, "streams", stream, server.JetStreamMetaFile))
	return errors.Is(err, os.ErrNotExist)
}

// room is what the server may reserve on disk: the streams' limits and as much again.
func room(streams []bus.Stream) int64 {
	n := int64(1 << 30)
	for _, s := range streams {
		n += 2 * s.MaxBytes
	}
	return n
}

func splitAddress(addr string) (host string, port int, err error) {
	host, p, err := net.SplitHostPort(addr)
	if err == nil {
		port, err = strconv.Atoi(p)
	}
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("--bus-listen %q: want host:port, or off", addr)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return cmp.Or(host, server.DEFAULT_HOST), port, nil
}

// free tries the address before the server does, whose own answer to a taken port is a log line.
func free(addr string) error {
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("bus address %s is taken by another process; choose one with --bus-listen host:port, or --bus-listen off", addr)
	}
	if err != nil {
		return fmt.Errorf("--bus-listen %s: %w", addr, err)
	}
	return l.Close()
}

// restoreSecret writes the credentials again if their file is gone, and reports whether it was.
func (s *embedded) restoreSecret() (bool, error) {
	if s.external == "" || !s.secret.gone() {
		return false, nil
	}
	return true, s.secret.save(s.url())
}

// URL returns where other processes reach the embedded server, credentials included, ""
// when it does not listen. It is what the file Embedded.Credentials holds.
func (b *Bus) URL() string {
	if b.server == nil {
		return ""
	}
	return b.server.url()
}

func (s *embedded) url() string {
	if s.external == "" {
		return ""
	}
	addr := s.Addr().String()
	if host, port, err := net.SplitHostPort(addr); err == nil && net.ParseIP(host).IsUnspecified() {
		addr = net.JoinHostPort("127.0.0.1", port) // where it can be reached, from here at least
	}
	return (&url.URL{Scheme: "nats", User: url.UserPassword(externalUser, s.external), Host: addr}).String()
}

package cli

import (
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificate is a TLS certificate in files that may be replaced while the server runs: new
// connections get the new one. Files that cannot be used leave the old one in place.
type certificate struct {
	cert, key string
	log       *slog.Logger

	mu     sync.Mutex
	pair   *tls.Certificate
	stamp  [2]time.Time // of the files as they were last read
	looked time.Time
}

// lookEvery is how often handshakes look whether the files have changed.
const lookEvery = time.Second

func loadCertificate(cert, key string, log *slog.Logger) (*certificate, error) {
	c := &certificate{cert: cert, key: key, log: log}
	stamp, err := c.times()
	if err != nil {
		return nil, err
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	c.pair, c.stamp, c.looked = &pair, stamp, time.Now()
	return c, nil
}

func (c *certificate) times() (out [2]time.Time, err error) {
	for i, name := range []string{c.cert, c.key} {
		info, err := os.Stat(name)
		if err != nil {
			return out, err
		}
		out[i] = info.ModTime()
	}
	return out, nil
}

// get is a tls.Config's GetCertificate.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) >= lookEvery {
		c.looked = time.Now()
		c.refresh()
	}
	return c.pair, nil
}

// refresh reads the files again if they have changed.
func (c *certificate) refresh() {
	stamp, err := c.times()
	if err == nil && stamp == c.stamp {
		return
	}
	var pair tls.Certificate
	if err == nil {
		pair, err = tls.LoadX509KeyPair(c.cert, c.key)
	}
	if err != nil {
		c.log.Error("TLS certificate not reloaded, the old one stays", "err", err)
		return
	}
	c.pair, c.stamp = &pair, stamp
	c.log.Info("TLS certificate reloaded", "until", pair.Leaf.NotAfter)
}

package cli

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writeCertificate writes a self-signed certificate with the serial number.
func writeCertificate(t *testing.T, dir string, serial int64, stamp time.Time) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, stamp, stamp); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestCertificate_reload(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := time.Now().Truncate(time.Second)
	cert, key := writeCertificate(t, dir, 1, now)
	f := serveFlags{listen: "127.0.0.1:0", cert: cert, key: key}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	c, err := loadCertificate(cert, key, log)
	if err != nil {
		t.Fatal(err)
	}
	serial := func() int64 {
		t.Helper()
		c.looked = time.Time{}
		pair, err := c.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return pair.Leaf.SerialNumber.Int64()
	}
	if got := serial(); got != 1 {
		t.Errorf("serial %d, want 1", got)
	}
	writeCertificate(t, dir, 2, now.Add(time.Second))
	if got := serial(); got != 2 {
		t.Errorf("after a change: serial %d, want 2", got)
	}
	if err := os.WriteFile(cert, []byte("half written"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := serial(); got != 2 {
		t.Errorf("with a broken file: serial %d, want the old one", got)
	}
	writeCertificate(t, dir, 3, now.Add(3*time.Second))

	l, err := f.listener(t.Context(), log)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if conn, err := l.Accept(); err == nil {
			_ = conn.(*tls.Conn).HandshakeContext(context.Background()) // the client tells
			conn.Close()
		}
	}()
	conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS13})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := conn.ConnectionState(); got.PeerCertificates[0].SerialNumber.Int64() != 3 || got.Version < tls.VersionTLS12 {
		t.Errorf("handshake: %+v", got)
	}
	go func() {
		if conn, err := l.Accept(); err == nil {
			_ = conn.(*tls.Conn).HandshakeContext(context.Background()) // it is refused
			conn.Close()
		}
	}()
	if old, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}); err == nil {
		old.Close()
		t.Error("TLS 1.1 is let in")
	}
	if _, err := loadCertificate(filepath.Join(dir, "none"), key, log); err == nil {
		t.Error("a missing file is taken")
	}
}

func TestAccessFlags(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"--rate-limit \"start\"":                {"--rate-limit", "start"},
		"there is no limit for \"starts\"":      {"--rate-limit", "starts=3"},
		"--rate-limit \"start=-1\"":             {"--rate-limit", "start=-1"},
		"--cors-origin: \"portal.example.net\"": {"--cors-origin", "portal.example.net"},
		"--cors-origin: \"https://a/b\"":        {"--cors-origin", "https://a/b"},
		"--cors-origin: \"*\"":                  {"--cors-origin", "*"},
		"--session-idle must be":                {"--session-idle", "1s"},
		"--session-max":                         {"--session-idle", "3h", "--session-max", "2h"},
	} {
		var errs strings.Builder
		code := Main(append([]string{"serve", "--data-dir", t.TempDir()}, args...), strings.NewReader(""), &errs, &errs)
		if code != exitUsage || !strings.Contains(errs.String(), want) {
			t.Errorf("%s: exit code %d: %s", args, code, errs.String())
		}
	}
}

package natsbus

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/heddlehq/heddle/engine/bus"
)

// Worker is who may take the orders of one pool: those of some apps, or, without apps, all of
// them through one consumer of the pool's.
type Worker struct {
	Pool string
	Apps []string
}

// workerPrefix begins the user names of workers.
const workerPrefix = "worker."

// User is the worker's name among the users of the bus: worker.<pool>.<app>...
func (w Worker) User() string {
	name := workerPrefix + bus.Token(w.Pool)
	for _, app := range w.Apps {
		name += "." + bus.Token(app)
	}
	return name
}

// workerOf reads a user name.
func workerOf(user string) (w Worker, ok bool) {
	rest, ok := strings.CutPrefix(user, workerPrefix)
	if !ok {
		return w, false
	}
	for i, token := range strings.Split(rest, ".") {
		name, err := bus.Untoken(token)
		if err != nil || name == "" {
			return w, false
		}
		if i == 0 {
			w.Pool = name
		} else {
			w.Apps = append(w.Apps, name)
		}
	}
	return w, w.User() == user
}

// inbox is where answers to the worker go; nobody but it may listen there.
func (w Worker) inbox() string { return "_INBOX." + w.User() }

// consumers are those the worker takes its orders from.
func (w Worker) consumers() []bus.Consumer {
	if len(w.Apps) == 0 {
		return []bus.Consumer{bus.PoolConsumer(w.Pool, "")}
	}
	var out []bus.Consumer
	for _, app := range w.Apps {
		out = append(out, bus.PoolConsumer(w.Pool, app))
	}
	return out
}

// Permissions are the subjects that the worker may publish to and listen on; it may also
// answer what it is asked. It makes no consumers: one made with a filter of its own would take
// the orders of others.
func (w Worker) Permissions() (publish, listen []string) {
	publish = []string{"heddle.event.*.*", "heddle.payload.any", "heddle.payload.server.*"}
	for _, c := range w.consumers() {
		publish = append(publish, jetstream.DefaultAPIPrefix+"CONSUMER.INFO."+c.Stream+"."+c.Name, jetstream.DefaultAPIPrefix+"CONSUMER.MSG.NEXT."+c.Stream+"."+c.Name,
			ackPrefix+c.Stream+"."+c.Name+".>")
	}
	listen = []string{w.inbox() + ".>", "heddle.cancel.*", "heddle.payload.inbox." + w.User() + ".>", "$SRV.>"}
	sources := w.Apps
	if len(sources) == 0 {
		sources = []string{w.Pool}
		listen = append(listen, "heddle.manifest."+bus.Token(w.Pool)+".*")
	}
	for _, s := range sources {
		publish = append(publish, "heddle.feed.platform."+bus.Token(s)+".*")
		if len(w.Apps) > 0 {
			listen = append(listen, "heddle.manifest."+bus.Token(w.Pool)+"."+bus.Token(s))
		}
	}
	return publish, listen
}

// answersFor is how long a worker may answer a request.
const answersFor = 10 * time.Second

func (w Worker) user() *server.User {
	publish, listen := w.Permissions()
	return &server.User{Username: w.User(), Permissions: &server.Permissions{
		Publish: &server.SubjectPermission{Allow: publish}, Subscribe: &server.SubjectPermission{Allow: listen},
		Response: &server.ResponsePermission{MaxMsgs: 1, Expires: answersFor},
	}}
}

// password follows from the password of the bus, so that nothing has to be kept: who has that
// one may give out others, and a new one takes them all back.
func (w Worker) password(external string) string {
	mac := hmac.New(sha256.New, []byte(external))
	mac.Write([]byte(w.User()))
	return hex.EncodeToString(mac.Sum(nil))
}

// WorkerURL is the address by which a worker reaches the embedded server whose own address,
// with user and password, is given, as Embedded.Credentials holds it.
func WorkerURL(address string, w Worker) (string, error) {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.User == nil {
		return "", errors.New("the address of the bus must be of the form nats://user:password@host:port")
	}
	external, ok := u.User.Password()
	if !ok || u.User.Username() != externalUser {
		return "", fmt.Errorf("only the user %q of the bus may give out credentials", externalUser)
	}
	if w.Pool == "" || slices.Contains(w.Apps, "") {
		return "", errors.New("credentials are for a pool, and for apps with a name")
	}
	u.User = url.UserPassword(w.User(), w.password(external))
	return u.String(), nil
}

// doorkeeper lets in who knows a user's password: all of them to the same account, that of
// the streams, and workers to their part of it.
type doorkeeper struct {
	users    map[string]string
	external string       // from which the passwords of workers follow; "" knows none
	arrived  func(Worker) // is told of workers; must not block
}

// Check is called by the server for each connection.
func (d *doorkeeper) Check(c server.ClientAuthentication) bool {
	name := c.GetOpts().Username
	password, known := d.users[name]
	w, worker := workerOf(name)
	if worker = worker && d.external != "" && w.Pool != "engine"; worker {
		password, known = w.password(d.external), true
	}
	// Compared in constant time; a user who does not exist takes as long as a wrong password.
	if subtle.ConstantTimeCompare([]byte(c.GetOpts().Password), []byte(password)) != 1 || !known || password == "" {
		return false
	}
	if worker {
		c.RegisterUser(w.user())
		d.arrived(w)
	}
	return true
}

// User is the name of the worker that the bus was opened for, "" for a server.
func (b *Bus) User() string { return b.user }

// Prepare makes the consumer of a pool, for workers that may not do it themselves.
func (b *Bus) Prepare(ctx context.Context, c bus.Consumer) error {
	c, err := c.WithDefaults()
	if err != nil {
		return err
	}
	ctx, cancel := b.bounded(ctx)
	defer cancel()
	return b.retry(ctx, func() error {
		_, err := b.js.CreateOrUpdateConsumer(ctx, c.Stream, consumerConfig(c))
		return err
	})
}

// host makes the consumers of workers that have arrived, and again when streams were made anew,
// until the bus is closed.
func (b *Bus) host() {
	known := map[string]Worker{}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for repairs := b.repairs.Load(); ; {
		select {
		case w := <-b.server.arrivals:
			known[w.User()] = w
			b.welcome(w)
		case <-tick.C:
			if now := b.repairs.Load(); now != repairs {
				repairs = now
				for _, w := range known {
					b.welcome(w)
				}
			}
		case <-b.done:
			return
		}
	}
}

func (b *Bus) welcome(w Worker) {
	for _, c := range w.consumers() {
		if err := b.Prepare(context.Background(), c); err != nil && !b.closed() {
			b.log.Warn("consumer of a worker not made", "consumer", c.Name, "err", err)
		}
	}
}

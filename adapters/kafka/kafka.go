// Package kafka is an adapter for topics of Kafka clusters: it produces messages and consumes
// them in batches.
//
//	{"brokers": ["kafka-1.example.com:9092"], "sasl": "SCRAM-SHA-512", "user": "heddle",
//	 "password": "$secret.kafka", "allow": ["10.1.0.0/16"]}
//
// A batch is given with the offsets after it. A workflow hands them to its next consume, or stores
// them for its group with commit once it is done with the batch, so that none is lost.
package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/heddlehq/heddle/adapters"
	"github.com/heddlehq/heddle/adapters/network"
	"github.com/heddlehq/heddle/engine"
)

// App is how tasks name the adapter.
const App = "Kafka"

// Config is the configuration of an instance.
type Config struct {
	Brokers  []string `json:"brokers" doc:"host and port of one broker or more"`
	SASL     string   `json:"sasl,omitempty" enum:"PLAIN,SCRAM-SHA-256,SCRAM-SHA-512" doc:"how to log in; not at all unless given"`
	User     string   `json:"user,omitempty" doc:"who logs in"`
	Password string   `json:"password,omitempty" secret:"true" doc:"of the user"`
	Security string   `json:"security,omitempty" enum:"tls,none" doc:"tls unless given"`
	network.Config
	TLS            network.TLS `json:"tls,omitzero" doc:"how the brokers prove who they are"`
	Topics         []string    `json:"topics,omitempty" doc:"topics that may be used; all unless given"`
	TimeoutSeconds int         `json:"timeoutSeconds,omitempty" doc:"for an answer; 30 unless given, 600 at most"`
	MaxBytes       int64       `json:"maxBytes,omitempty" doc:"largest batch that is consumed; 4 MiB unless given, 64 MiB at most"`
}

// Kind is the adapter.
func Kind() *adapters.Kind {
	return &adapters.Kind{
		App: App, Version: "1.0.0", Summary: "Produces and consumes messages of Kafka topics.", Config: adapters.SchemaOf[Config](),
		Open: func(ctx context.Context, i adapters.Instance) (any, error) { return open(ctx, i) },
		Methods: []adapters.Spec{
			adapters.Method("commit", commit).Says("Stores how far a group has come in a topic.").MayWarn(),
			adapters.Method("consume", consume).Says("Gets a batch of messages, without a trace in the cluster.").ReadOnly().MayWarn(),
			adapters.Method("produce", produce).Says("Adds messages to a topic.").MayWarn(),
		},
	}
}

// cluster is what the calls of an instance share.
type cluster struct {
	Config
	options []kgo.Opt
	client  *kgo.Client
	admin   *kadm.Client
	timeout time.Duration
	broken  atomic.Pointer[error] // why the last connection did not come about
}

// Close ends the connections.
func (c *cluster) Close() error {
	c.client.Close()
	return nil
}

func open(ctx context.Context, i adapters.Instance) (*cluster, error) {
	c := &cluster{}
	err := i.Config.Decode(&c.Config)
	if err != nil {
		return nil, network.Wrong("%v", err)
	}
	if c.TimeoutSeconds, err = network.Bounds("/timeoutSeconds", c.TimeoutSeconds, 30, 600); err != nil {
		return nil, err
	}
	if c.MaxBytes, err = network.Bounds("/maxBytes", c.MaxBytes, 4<<20, 64<<20); err != nil {
		return nil, err
	}
	c.timeout = time.Duration(c.TimeoutSeconds) * time.Second
	if err := c.configure(); err != nil {
		return nil, err
	}
	if c.client, err = kgo.NewClient(c.options...); err != nil {
		return nil, network.Wrong("%v", err)
	}
	c.admin = kadm.NewClient(c.client)
	bounded, cancel := context.WithTimeout(ctx, min(c.timeout, 15*time.Second))
	defer cancel()
	if err := c.client.Ping(bounded); err != nil {
		c.client.Close()
		return nil, c.because(ctx, err)
	}
	return c, nil
}

func (c *cluster) configure() error {
	var seeds []string
	for i, b := range c.Brokers {
		where, err := network.Address(fmt.Sprintf("/brokers/%d", i), b, 9092)
		if err != nil {
			return err
		}
		seeds = append(seeds, where)
	}
	if len(seeds) == 0 {
		return network.Wrong("/brokers must name a broker")
	}
	guard, err := c.Guard()
	if err != nil {
		return err
	}
	if _, err := c.TLS.Config("/tls", ""); err != nil {
		return err
	}
	dial := func(ctx context.Context, kind, address string) (net.Conn, error) {
		conn, err := c.dial(ctx, guard, kind, address)
		if err != nil {
			c.broken.Store(&err)
		} else {
			c.broken.Store(nil)
		}
		return conn, err
	}
	c.options = []kgo.Opt{
		kgo.SeedBrokers(seeds...), kgo.ClientID("heddle"), kgo.Dialer(dial), kgo.WithLogger(nil), kgo.RequestRetries(3), kgo.RetryTimeout(c.timeout),
		kgo.RecordDeliveryTimeout(c.timeout), kgo.RequestTimeoutOverhead(min(c.timeout, 10*time.Second)),
	}
	switch {
	case c.SASL == "" && c.User == "":
	case c.SASL == "" || c.User == "":
		return network.Wrong("/sasl and /user must be given together")
	case c.SASL == "PLAIN":
		c.options = append(c.options, kgo.SASL(plain.Auth{User: c.User, Pass: c.Password}.AsMechanism()))
	case c.SASL == "SCRAM-SHA-256":
		c.options = append(c.options, kgo.SASL(scram.Auth{User: c.User, Pass: c.Password}.AsSha256Mechanism()))
	default:
		c.options = append(c.options, kgo.SASL(scram.Auth{User: c.User, Pass: c.Password}.AsSha512Mechanism()))
	}
	return nil
}

func (c *cluster) dial(ctx context.Context, guard *network.Guard, kind, address string) (net.Conn, error) {
	conn, err := guard.DialContext(ctx, kind, address)
	if err != nil || c.Security == "none" {
		return conn, err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	settings, err := c.TLS.Config("/tls", host)
	if err != nil {
		return nil, err
	}
	secured := tls.Client(conn, settings)
	bounded, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := secured.HandshakeContext(bounded); err != nil {
		_ = conn.Close() // it is of no use
		return nil, err
	}
	return secured, nil
}

// permit refuses topics that the instance may not use.
func (c *cluster) permit(topic string) error {
	if topic == "" || len(topic) > 249 || topic == "." || topic == ".." || strings.ContainsFunc(topic, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	}) {
		return network.Wrong("/topic: %q is no name of a topic", topic)
	}
	if len(c.Topics) > 0 && !slices.Contains(c.Topics, topic) || len(c.Topics) == 0 && strings.HasPrefix(topic, "__") {
		return network.Wrong("/topic: %s is not among the topics of the adapter instance", topic)
	}
	return nil
}

// because classifies an error of the client.
func (c *cluster) because(ctx context.Context, err error) error {
	where := strings.Join(c.Brokers, ", ")
	if ctx.Err() != nil {
		return err
	}
	if e, ok := errors.AsType[*adapters.Error](err); ok {
		return e
	}
	if e, ok := errors.AsType[*kerr.Error](err); ok {
		out := network.Remote(e.Retriable, "%s: %v", where, e)
		switch e {
		case kerr.SaslAuthenticationFailed, kerr.UnsupportedSaslMechanism, kerr.IllegalSaslState, kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed, kerr.ClusterAuthorizationFailed:
			out.Class = adapters.ClassAuth
		case kerr.MessageTooLarge, kerr.RecordListTooLarge:
			out.Class = engine.ClassLimit
		case kerr.UnknownTopicOrPartition, kerr.InvalidTopicException, kerr.OffsetOutOfRange, kerr.InvalidGroupID:
			out.Class, out.Retryable = engine.ClassInput, new(false)
		}
		return out
	}
	if broken := c.broken.Load(); broken != nil {
		return network.Unreached(ctx, where, *broken)
	}
	if errors.Is(err, kgo.ErrRecordTimeout) || errors.Is(err, kgo.ErrRecordRetries) {
		err = context.DeadlineExceeded
	}
	return network.Unreached(ctx, where, err)
}

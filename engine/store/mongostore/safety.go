package mongostore

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
)

// unsafeMarker is the option of a URI that stands for Options.Unsafe.
const unsafeMarker = "heddleUnsafe"

// oldest is the version of MongoDB that is the oldest allowed.
const oldest = 6

// address is what a URI says: where to connect and which database to use.
type address struct {
	uri      string // without our own option
	database string
	marked   bool
}

// parseAddress takes our own parts out of a URI. What else is in it is the
// driver's to check.
func parseAddress(uri string) (address, error) {
	a := address{database: "heddle"}
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok || scheme != "mongodb" && scheme != "mongodb+srv" {
		return a, errors.New("the address must begin with mongodb:// or mongodb+srv://")
	}
	rest, query, _ := strings.Cut(rest, "?")
	hosts, name, _ := strings.Cut(rest, "/")
	if name != "" {
		var err error
		if a.database, err = url.PathUnescape(name); err != nil {
			return a, fmt.Errorf("database name: %w", err)
		}
	}
	var kept []string
	for option := range strings.SplitSeq(query, "&") {
		key, v, _ := strings.Cut(option, "=")
		switch {
		case option == "":
		case strings.EqualFold(key, unsafeMarker):
			on, err := strconv.ParseBool(v)
			if err != nil {
				return a, fmt.Errorf("option %s is true or false, not %q", unsafeMarker, v)
			}
			a.marked = on
		default:
			kept = append(kept, option)
		}
	}
	a.uri = scheme + "://" + hosts + "/" + name
	if len(kept) > 0 {
		a.uri += "?" + strings.Join(kept, "&")
	}
	return a, nil
}

// risks collects the settings that break what the store promises, each by
// its name with what would be right.
type risks []string

func (u *risks) add(format string, args ...any) { *u = append(*u, fmt.Sprintf(format, args...)) }

func (u risks) err() error {
	if len(u) == 0 {
		return nil
	}
	return fmt.Errorf("unsafe settings: %s", strings.Join(u, "; "))
}

// askedFor checks what the URI asks for. The store uses its own concerns in
// any case; one who asks for less should know that he does not get it.
func (u *risks) askedFor(o *options.ClientOptions) {
	if wc := o.WriteConcern; wc != nil {
		if wc.W != nil && wc.W != "majority" {
			u.add("w=%v in the address: an acknowledged write may be lost; w=majority or nothing is right", wc.W)
		}
		if wc.Journal != nil && !*wc.Journal {
			u.add("journal=false in the address: an acknowledged write may be lost; journal=true or nothing is right")
		}
	}
	if o.RetryWrites != nil && !*o.RetryWrites {
		u.add("retryWrites=false in the address: an election would fail writes; true or nothing is right")
	}
	if o.ReadPreference != nil && o.ReadPreference.Mode() != readpref.PrimaryMode {
		u.add("readPreference=%s in the address: decisions need the primary; primary or nothing is right", o.ReadPreference.Mode())
	}
	if o.ReadConcern != nil && o.ReadConcern.Level != "majority" {
		u.add("readConcernLevel=%s in the address: what was read may be rolled back; majority or nothing is right", o.ReadConcern.Level)
	}
}

// answers is what a server says about itself. Those only some accounts may
// ask for are nil where the account may not.
type answers struct{ hello, build, arguments, status, set bson.Raw }

func ask(ctx context.Context, c *mongo.Client) (a answers, err error) {
	command := func(name string) (bson.Raw, error) {
		return c.Database("admin").RunCommand(ctx, bson.D{{Key: name, Value: 1}}).Raw()
	}
	if a.hello, err = command("hello"); err != nil {
		return a, err
	}
	if a.build, err = command("buildInfo"); err != nil {
		return a, err
	}
	for name, into := range map[string]*bson.Raw{"getCmdLineOpts": &a.arguments, "serverStatus": &a.status, "replSetGetConfig": &a.set} {
		if raw, err := command(name); err == nil {
			*into = raw
		}
	}
	return a, nil
}

// found checks what the server says about itself.
func (u *risks) found(a answers) {
	if _, ok := a.hello.Lookup("setName").StringValueOK(); !ok {
		u.add("no replica set: a single server has no transactions; start it with --replSet and initiate a set, of one member if need be")
	}
	if arbiters, members := length(a.hello, "arbiters"), length(a.hello, "hosts")+length(a.hello, "passives"); arbiters > 0 && arbiters+members <= 3 {
		u.add("an arbiter in a set of %d: with one member down no write reaches a majority of disks; make it a member with data", arbiters+members)
	}
	version, _ := a.build.Lookup("version").StringValueOK()
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(major); err != nil || n < oldest {
		u.add("MongoDB %s: too old; %d or newer is right", version, oldest)
	}
	if on, ok := a.arguments.Lookup("parsed", "storage", "journal", "enabled").BooleanOK(); ok && !on {
		u.add("no journal: an acknowledged write may be lost; start the server without --nojournal")
	}
	if on, ok := a.status.Lookup("storageEngine", "persistent").BooleanOK(); ok && !on {
		u.add("a storage engine without a disk: an acknowledged write may be lost; wiredTiger is right")
	}
	if on, ok := a.set.Lookup("config", "writeConcernMajorityJournalDefault").BooleanOK(); ok && !on {
		u.add("writeConcernMajorityJournalDefault=false: a majority may acknowledge what is on no disk; true is right")
	}
}

func length(doc bson.Raw, key string) int {
	array, ok := doc.Lookup(key).ArrayOK()
	if !ok {
		return 0
	}
	values, err := array.Values()
	if err != nil {
		return 0
	}
	return len(values)
}

var errStop = errors.New("enough")

// proveTransactions writes in a transaction and takes it back. No setting
// excuses a server that keeps the write.
func (s *Store) proveTransactions(ctx context.Context) error {
	probe := bson.D{{Key: "_id", Value: "probe " + bson.NewObjectID().Hex()}}
	docs := s.client.Database(s.address.database).Collection(records, concerns())
	err := s.writer.transact(ctx, func(ctx context.Context) error {
		if _, err := docs.InsertOne(ctx, probe); err != nil {
			return err
		}
		return errStop
	})
	if !errors.Is(err, errStop) {
		return fmt.Errorf("the server has no transactions: %w", err)
	}
	switch err := docs.FindOne(ctx, probe).Err(); {
	case errors.Is(err, mongo.ErrNoDocuments):
		return nil
	case err != nil:
		return err
	}
	_, err = docs.DeleteOne(ctx, probe)
	return errors.Join(errors.New("the server has no transactions: it kept what was aborted"), err)
}

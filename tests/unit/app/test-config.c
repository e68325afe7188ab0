/* test-config.c - every key, every fault text, the files, and the entry that rtcroomctl writes. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/config-file.h"
#include "app/config.h"
#include "lib/test.h"

static char folder[64]; /* made by each test that touches files */

static void make_folder(void)
{
        snprintf(folder, sizeof(folder), "/tmp/test-config.XXXXXX");
        ASSERT(mkdtemp(folder));
}

/* Path below the folder; valid until the fourth call from here. */
static const char *in_folder(const char *name)
{
        static char paths[4][128];
        static unsigned turn;
        char *path = paths[turn++ % 4];

        snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
        return path;
}

static const char *put_file(const char *name, const char *text, mode_t mode)
{
        const char *path = in_folder(name);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        ASSERT_OK(fd);
        ASSERT_EQ(write(fd, text, strlen(text)), strlen(text));
        ASSERT_OK(fchmod(fd, mode));
        close(fd);
        return path;
}

static void remove_folder(void)
{
        char command[128];

        snprintf(command, sizeof(command), "rm -rf '%s'", folder);
        ASSERT_EQ(system(command), 0);
}

static struct config *parse(const char *text)
{
        struct config *c = NULL;
        struct config_fault fault = { "" };

        if (config_parse(text, strlen(text), "f", &c, &fault) < 0)
                test_fail(__FILE__, __LINE__, "%s", fault.text);
        return c;
}

static void check_defaults(const struct config *c)
{
        ASSERT_STR(c->server, "embedded:");
        ASSERT_EQ(c->n_apps, 0);
        ASSERT_EQ(c->consent_default, CONSENT_ASK);
        ASSERT(!c->embedded_listen);
        ASSERT_EQ(c->embedded_idle_s, 60);
        ASSERT_EQ(c->reconnect_s, 300);
        ASSERT_EQ(c->n_ice_servers, 0);
        ASSERT(!c->ice_relay_only);
        ASSERT(!c->tls_ca_file);
        ASSERT_EQ(c->voice.frame_ms, 20);
        ASSERT_EQ(c->voice.bitrate, 32000);
        ASSERT_EQ(c->voice.complexity, 5);
        ASSERT(c->voice.dtx && c->voice.fec);
        ASSERT_EQ(c->quantum, 256);
        ASSERT_EQ(c->log_level, LOG_LEVEL_INFO);
}

TEST(defaults)
{
        struct config *c = NULL;

        ASSERT_OK(config_new_default(&c));
        check_defaults(c);
        config_free(c);
        c = parse("{}");
        check_defaults(c);
        config_free(c);
}

TEST(every_key)
{
        struct config *c = parse(
                "{\"server\": \"janus+wss://h:8989/janus\","
                " \"apps\": {\"org.example\": {\"server\": \"embedded:\", \"appKey\": \"secret\", \"allowed\": true},"
                "            \"b\": {\"allowed\": false}},"
                " \"consent\": {\"default\": \"deny\", \"programs\": {\"org.example\": \"allow\", \"/usr/bin/x\": "
                "\"ask\"}},"
                " \"embedded\": {\"listen\": \"[::]:8188\", \"idleSeconds\": 0},"
                " \"reconnectSeconds\": 20,"
                " \"ice\": {\"servers\": [{\"urls\": [\"stun:s\"]},"
                "                       {\"urls\": [\"turn:t:3478?transport=tcp\", \"turns:t\"],"
                "                        \"username\": \"u\", \"credential\": \"c\"}], \"relayOnly\": true},"
                " \"tls\": {\"caFile\": \"/etc/ca.pem\"},"
                " \"audio\": {\"frameMs\": 10, \"bitrate\": 6000, \"complexity\": 10, \"dtx\": false, \"fec\": false,"
                "             \"quantum\": 8192},"
                " \"log\": {\"level\": \"debug\"}}");

        ASSERT_STR(c->server, "janus+wss://h:8989/janus");
        ASSERT_STR(config_find_app(c, "org.example")->app_key, "secret");
        ASSERT_STR(config_find_app(c, "org.example")->server, "embedded:");
        ASSERT(!config_find_app(c, "b")->allowed);
        ASSERT(!config_find_app(c, "c"));
        ASSERT_STR(c->embedded_listen, "[::]:8188");
        ASSERT_EQ(c->embedded_idle_s, 0);
        ASSERT_EQ(c->reconnect_s, 20);
        ASSERT_EQ(c->n_ice_servers, 3);
        ASSERT_STR(c->ice_servers[0].url, "stun:s");
        ASSERT(!c->ice_servers[0].username);
        ASSERT_STR(c->ice_servers[1].url, "turn:t:3478?transport=tcp");
        ASSERT_STR(c->ice_servers[2].credential, "c");
        ASSERT(c->ice_relay_only);
        ASSERT_STR(c->tls_ca_file, "/etc/ca.pem");
        ASSERT_EQ(c->voice.frame_ms, 10);
        ASSERT_EQ(c->voice.bitrate, 6000);
        ASSERT_EQ(c->voice.complexity, 10);
        ASSERT(!c->voice.dtx && !c->voice.fec);
        ASSERT_EQ(c->quantum, 8192);
        ASSERT_EQ(c->log_level, LOG_LEVEL_DEBUG);
        config_free(c);
}

static const struct {
        const char *text, *fault;
} faults[] = {
        /* the document */
        { "", "f: line 1: the document is cut short" },
        { "{\n\"log\": {", "f: line 2: the document is cut short" },
        { "[]", "f: line 1: the document should be an object" },
        { "{} x", "f: line 1: unexpected character" },
        { "{}\n{}", "f: line 2: unexpected character" },
        { "{// no comments\n}", "f: line 1: quoted object property name expected" },
        { "{'log': {}}", "f: a key should stand in double quotes" },
        { "{\"audio\": {'dtx': true}}", "f: audio: a key should stand in double quotes" },
        { "{\"log\": {},}", "f: line 1: unexpected character" },
        { "{\"server\": \"\xff\"}", "f: line 1: invalid utf-8 string" },
        { "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}}", "f: line 1: nesting too deep" },
        { "{\"log\": {}, \"log\": {}}", "f: a key is given twice" },
        { "{\"audio\": {\"dtx\": true, \"fec\": true, \"d\\u0074x\": false}}", "f: audio: a key is given twice" },
        { "{\"ice\": {\"servers\": [{\"urls\": [\"stun:s\"], \"urls\": []}]}}",
          "f: ice.servers: a key is given twice" },
        { "{\"colour\": 1}", "f: colour: unknown key" },
        { "{\"log\": {\"Level\": 1}}", "f: log.Level: unknown key" },
        { "{\"log\": 1}", "f: log: should be object, but got number" },
        { "{\"log\": null}", "f: log: should be object, but got null" },
        /* strings */
        { "{\"server\": true}", "f: server: should be string, but got boolean" },
        { "{\"server\": \"\"}", "f: server: should not be empty" },
        { "{\"server\": \"http://h\"}", "f: server: should be a server URL" },
        { "{\"server\": \"embedded:\\u0000\"}", "f: server: should not contain control characters" },
        { "{\"tls\": {\"caFile\": \"ca.pem\"}}", "f: tls.caFile: should be an absolute path" },
        { "{\"log\": {\"level\": \"loud\"}}",
          "f: log.level: should be one of \"error\", \"warning\", \"notice\", \"info\", \"debug\", but got loud" },
        /* apps */
        { "{\"apps\": []}", "f: apps: should be object, but got array" },
        { "{\"apps\": {\"a b\": {}}}", "f: apps.a b: an appId should match [A-Za-z0-9_@.-]{1,128}" },
        { "{\"apps\": {\"\": {}}}", "f: apps.: an appId should match [A-Za-z0-9_@.-]{1,128}" },
        { "{\"apps\": {\"a\": {\"allowed\": 1}}}", "f: apps.a.allowed: should be boolean, but got number" },
        { "{\"apps\": {\"a\": {\"appKey\": \"two words\"}}}",
          "f: apps.a.appKey: should be 1 to 256 printable characters" },
        { "{\"apps\": {\"a\": {\"appKeyFile\": \"key\"}}}", "f: apps.a.appKeyFile: should be an absolute path" },
        { "{\"apps\": {\"a\": {\"appKeyFile\": \"/nowhere/key\"}}}",
          "f: apps.a.appKeyFile: /nowhere/key: No such file or directory" },
        { "{\"apps\": {\"a\": {\"appKeyFile\": \"/\"}}}", "f: apps.a.appKeyFile: /: Invalid argument" },
        { "{\"apps\": {\"a\": {\"appKey\": \"k\", \"appKeyFile\": \"/k\"}}}",
          "f: apps.a.appKeyFile: is given by two keys" },
        { "{\"apps\": {\"a\": {\"livekit\": {\"apiKey\": \"k\"}}}}",
          "f: apps.a.livekit: needs both apiKey and apiSecretFile" },
        /* consent */
        { "{\"consent\": {\"default\": \"maybe\"}}",
          "f: consent.default: should be one of \"ask\", \"allow\", \"deny\", but got maybe" },
        { "{\"consent\": {\"askSeconds\": 4}}", "f: consent.askSeconds: should be between 5 and 600, but got 4" },
        { "{\"consent\": {\"programs\": {\"x\": true}}}", "f: consent.programs.x: should be string, but got boolean" },
        { "{\"consent\": {\"programs\": {\"\": \"allow\"}}}",
          "f: consent.programs.: a program should be an application id or the path of an executable" },
        { "{\"consent\": {\"programs\": {\"a\\nb\": \"no\"}}}",
          "f: consent.programs.a?b: should be one of \"ask\", \"allow\", \"deny\", but got no" },
        /* embedded */
        { "{\"embedded\": {\"listen\": \"8188\"}}",
          "f: embedded.listen: should be \"A.B.C.D:PORT\" or \"[::]:PORT\"" },
        { "{\"embedded\": {\"listen\": \"localhost:80\"}}",
          "f: embedded.listen: should be \"A.B.C.D:PORT\" or \"[::]:PORT\"" },
        { "{\"embedded\": {\"listen\": \"127.0.0.1:65536\"}}",
          "f: embedded.listen: should be \"A.B.C.D:PORT\" or \"[::]:PORT\"" },
        { "{\"embedded\": {\"listen\": \"::1:80\"}}",
          "f: embedded.listen: should be \"A.B.C.D:PORT\" or \"[::]:PORT\"" },
        { "{\"embedded\": {\"listen\": \"[x]:80\"}}",
          "f: embedded.listen: should be \"A.B.C.D:PORT\" or \"[::]:PORT\"" },
        { "{\"embedded\": {\"idleSeconds\": -1}}",
          "f: embedded.idleSeconds: should be between 0 and 86400, but got -1" },
        { "{\"reconnectSeconds\": 86401}", "f: reconnectSeconds: should be between 0 and 86400, but got 86401" },
        { "{\"embedded\": {\"idleSeconds\": 1.5}}", "f: embedded.idleSeconds: should be integer, but got number" },
        /* ice */
        { "{\"ice\": {\"servers\": {}}}", "f: ice.servers: should be array, but got object" },
        { "{\"ice\": {\"servers\": [1]}}", "f: ice.servers[0]: should be object, but got number" },
        { "{\"ice\": {\"servers\": [{}]}}", "f: ice.servers[0]: urls is missing" },
        { "{\"ice\": {\"servers\": [{\"urls\": []}]}}", "f: ice.servers[0].urls: should hold 1 to 8 URLs" },
        { "{\"ice\": {\"servers\": [{\"urls\": [\"http://x\"]}]}}",
          "f: ice.servers[0]: urls should hold stun:, stuns:, turn: or turns: URLs, but got http://x" },
        { "{\"ice\": {\"servers\": [{\"urls\": [\"stun:s?transport=udp\"]}]}}",
          "f: ice.servers[0]: urls should hold stun:, stuns:, turn: or turns: URLs, but got stun:s?transport=udp" },
        { "{\"ice\": {\"servers\": [{\"urls\": [\"stun:s\"]}, {\"urls\": [\"turn:t\"], \"username\": \"u\"}]}}",
          "f: ice.servers[1]: a TURN server needs username and credential" },
        { "{\"ice\": {\"servers\": [{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}]}}",
          "f: ice.servers: should not hold more than 16 servers" },
        /* audio */
        { "{\"audio\": {\"frameMs\": 30}}", "f: audio.frameMs: should be one of 10, 20, 40, 60, but got 30" },
        { "{\"audio\": {\"frameMs\": 5}}", "f: audio.frameMs: should be between 10 and 60, but got 5" },
        { "{\"audio\": {\"bitrate\": 5999}}", "f: audio.bitrate: should be between 6000 and 510000, but got 5999" },
        { "{\"audio\": {\"bitrate\": 99999999999999999999}}",
          "f: audio.bitrate: should be between 6000 and 510000, but got 9223372036854775807" },
        { "{\"audio\": {\"complexity\": 11}}", "f: audio.complexity: should be between 0 and 10, but got 11" },
        { "{\"audio\": {\"quantum\": 31}}", "f: audio.quantum: should be between 32 and 8192, but got 31" },
        { "{\"audio\": {\"dtx\": \"yes\"}}", "f: audio.dtx: should be boolean, but got string" },
};

TEST(every_fault)
{
        for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
                struct config_fault fault = { "" };
                struct config *c = NULL;

                ASSERT_EQ(config_parse(faults[i].text, strlen(faults[i].text), "f", &c, &fault), -EINVAL);
                ASSERT_STR(fault.text, faults[i].fault);
                ASSERT(!c);
        }
}

TEST(a_fault_never_quotes_a_secret)
{
        static const char text[] = "{\"apps\": {\"a\": {\"appKey\": \"hush hush\"}}}";
        struct config_fault fault;
        struct config *c;

        ASSERT_EQ(config_parse(text, sizeof(text) - 1, "f", &c, &fault), -EINVAL);
        ASSERT(!strstr(fault.text, "hush"));
}

static int load(const char *path, char *ret_fault, size_t size)
{
        struct config_fault fault = { "" };
        struct config *c = NULL;
        int r = config_load(path, &c, &fault);

        snprintf(ret_fault, size, "%s", fault.text);
        config_free(c);
        return r;
}

TEST(files_that_cannot_be_read)
{
        char fault[800], want[800], *big = malloc(CONFIG_FILE_MAX + 2);

        unsetenv("CREDENTIALS_DIRECTORY");
        make_folder();
        snprintf(want, sizeof(want), "%s: No such file or directory", in_folder("none"));
        ASSERT_EQ(load(in_folder("none"), fault, sizeof(fault)), -ENOENT);
        ASSERT_STR(fault, want);
        ASSERT_EQ(load(folder, fault, sizeof(fault)), -EINVAL);
        ASSERT_OK(mkfifo(in_folder("fifo"), 0600));
        ASSERT_EQ(load(in_folder("fifo"), fault, sizeof(fault)), -EINVAL);
        memset(big, ' ', CONFIG_FILE_MAX + 1);
        memcpy(big, "{}", 2);
        big[CONFIG_FILE_MAX + 1] = '\0';
        ASSERT_EQ(load(put_file("big", big, 0600), fault, sizeof(fault)), -EFBIG);
        snprintf(want, sizeof(want), "%s: larger than 256 KiB", in_folder("big"));
        ASSERT_STR(fault, want);
        big[CONFIG_FILE_MAX] = '\0';
        ASSERT_EQ(load(put_file("big", big, 0600), fault, sizeof(fault)), 0);
        free(big);
        remove_folder();
}

static int parse_key_file(const char *path, char *ret_key, size_t size, struct config_fault *ret_fault)
{
        char text[256];
        struct config *c = NULL;
        int r;

        snprintf(text, sizeof(text), "{\"apps\": {\"a\": {\"appKeyFile\": \"%s\"}}}", path);
        r = config_parse(text, strlen(text), "f", &c, ret_fault);
        if (r >= 0)
                snprintf(ret_key, size, "%s", c->apps[0].app_key);
        config_free(c);
        return r;
}

TEST(key_file)
{
        struct config_fault fault = { "" };
        char key[300], want[300];
        const char *path;

        make_folder();
        path = put_file("key", "s3cret\n", 0600);
        ASSERT_OK(parse_key_file(path, key, sizeof(key), &fault));
        ASSERT_STR(key, "s3cret");
        for (mode_t bit = 1; bit <= 040; bit <<= 1) {
                ASSERT_OK(chmod(path, 0600 | bit));
                ASSERT_EQ(parse_key_file(path, key, sizeof(key), &fault), -EINVAL);
                snprintf(want, sizeof(want), "f: apps.a.appKeyFile: %s is open to others: chmod 600 it", path);
                ASSERT_STR(fault.text, want);
        }
        ASSERT_EQ(parse_key_file(put_file("empty", "\n", 0600), key, sizeof(key), &fault), -EINVAL);
        ASSERT_EQ(parse_key_file(put_file("lines", "a\nb\n", 0600), key, sizeof(key), &fault), -EINVAL);
        memset(want, 'k', CONFIG_SECRET_MAX);
        want[CONFIG_SECRET_MAX] = '\0';
        ASSERT_OK(parse_key_file(put_file("long", want, 0600), key, sizeof(key), &fault));
        ASSERT_STR(key, want);
        want[CONFIG_SECRET_MAX] = 'k';
        want[CONFIG_SECRET_MAX + 1] = '\0';
        ASSERT_EQ(parse_key_file(put_file("longer", want, 0600), key, sizeof(key), &fault), -EINVAL);
        remove_folder();
}

TEST(credentials)
{
        struct config_fault fault;
        struct config *c = NULL;
        char text[800];

        make_folder();
        setenv("CREDENTIALS_DIRECTORY", folder, 1);
        (void)put_file("appkey.org.example", "from-credential\n", 0440);
        (void)put_file("something-else", "two words", 0440);
        (void)put_file("config", "{\"apps\": {\"org.example\": {\"appKey\": \"from-file\", \"allowed\": false}}}",
                       0600);
        ASSERT_OK(config_load(NULL, &c, &fault));
        ASSERT_EQ(c->n_apps, 1);
        ASSERT_STR(config_find_app(c, "org.example")->app_key, "from-credential");
        ASSERT(config_find_app(c, "org.example")->allowed);
        c = config_free(c);
        ASSERT_OK(config_load(in_folder("config"), &c, &fault));
        ASSERT_STR(config_find_app(c, "org.example")->app_key, "from-credential");
        ASSERT(!config_find_app(c, "org.example")->allowed);
        config_free(c);
        (void)put_file("appkey.bad id", "x", 0440);
        ASSERT_EQ(load(NULL, text, sizeof(text)), -EINVAL);
        unsetenv("CREDENTIALS_DIRECTORY");
        remove_folder();
}

TEST(where_the_file_lies)
{
        char *path = NULL;

        make_folder();
        setenv("XDG_CONFIG_HOME", folder, 1);
        ASSERT_OK(mkdir(in_folder("rtcroom"), 0700));
        ASSERT_OK(config_find(&path));
        ASSERT(!path || strcmp(path, "/etc/xdg/rtcroom/rtcroomd.json") == 0);
        free(path);
        (void)put_file("rtcroom/rtcroomd.json", "{}", 0600);
        ASSERT_OK(config_find(&path));
        ASSERT_STR(path, in_folder("rtcroom/rtcroomd.json"));
        free(path);
        setenv("XDG_CONFIG_HOME", "relative", 1);
        setenv("HOME", "/home/u", 1);
        ASSERT_OK(config_user_path(&path));
        ASSERT_STR(path, "/home/u/.config/rtcroom/rtcroomd.json");
        free(path);
        remove_folder();
}

TEST(policy_by_id_then_path)
{
        struct config *c = parse("{\"consent\": {\"default\": \"deny\", \"programs\": "
                                 "{\"org.x\": \"allow\", \"/usr/bin/y\": \"ask\"}}}");

        enum consent_policy p;

        ASSERT(config_consent_named(c, "org.x", "/usr/bin/y", &p) && p == CONSENT_ALLOW);
        ASSERT(config_consent_named(c, "org.z", "/usr/bin/y", &p) && p == CONSENT_ASK);
        ASSERT(!config_consent_named(c, "", "/usr/bin/z", &p));
        ASSERT(!config_consent_named(c, "", "", &p));
        ASSERT_EQ(c->consent_default, CONSENT_DENY);
        ASSERT_EQ(c->consent_ask_s, 60);
        config_free(c);
}

static enum consent_policy policy_in(const char *path, const char *id)
{
        struct config_fault fault = { "" };
        struct config *c = NULL;
        enum consent_policy p;

        if (config_load(path, &c, &fault) < 0)
                test_fail(__FILE__, __LINE__, "%s", fault.text);
        ASSERT(config_consent_named(c, id, "", &p));
        config_free(c);
        return p;
}

TEST(set_program)
{
        struct config_fault fault = { "" };
        struct stat st;
        const char *path;

        unsetenv("CREDENTIALS_DIRECTORY");
        make_folder();
        path = in_folder("new/rtcroom/rtcroomd.json");
        ASSERT_OK(config_set_program(path, "org.x", CONSENT_ALLOW, &fault));
        ASSERT_OK(stat(path, &st));
        ASSERT_EQ(st.st_mode & 07777, 0600);
        ASSERT_EQ(policy_in(path, "org.x"), CONSENT_ALLOW);
        ASSERT_OK(config_set_program(path, "/usr/bin/y", CONSENT_DENY, &fault));
        ASSERT_OK(config_set_program(path, "org.x", CONSENT_ASK, &fault));
        ASSERT_EQ(policy_in(path, "org.x"), CONSENT_ASK);
        ASSERT_EQ(policy_in(path, "/usr/bin/y"), CONSENT_DENY);
        ASSERT_EQ(config_set_program(path, "", CONSENT_ASK, &fault), -EINVAL);
        remove_folder();
}

TEST(set_program_leaves_the_rest)
{
        struct config_fault fault = { "" };
        struct stat st;
        const char *real, *path;
        char *text;
        size_t len;

        unsetenv("CREDENTIALS_DIRECTORY");
        make_folder();
        real = put_file("real.json", "{ \"audio\": { \"quantum\": 512 }, \"server\": \"janus+ws://h/p\" }", 0640);
        path = in_folder("link.json");
        ASSERT_OK(symlink(real, path));
        ASSERT_OK(config_set_program(path, "x", CONSENT_ALLOW, &fault));
        ASSERT_OK(lstat(path, &st));
        ASSERT(S_ISLNK(st.st_mode));
        ASSERT_OK(stat(path, &st));
        ASSERT_EQ(st.st_mode & 07777, 0640);
        ASSERT_OK(config_file_read(real, 4096, &text, &len));
        ASSERT_STR(text, "{\n  \"audio\": {\n    \"quantum\": 512\n  },\n  \"server\": \"janus+ws://h/p\",\n"
                         "  \"consent\": {\n    \"programs\": {\n      \"x\": \"allow\"\n    }\n  }\n}\n");
        free(text);
        remove_folder();
}

TEST(set_program_refuses_a_file_with_a_fault)
{
        struct config_fault fault = { "" };
        const char *path;
        char *text, want[256];
        size_t len;

        make_folder();
        path = put_file("bad.json", "{\"log\": 1}", 0600);
        ASSERT_EQ(config_set_program(path, "x", CONSENT_ALLOW, &fault), -EINVAL);
        snprintf(want, sizeof(want), "%s: log: should be object, but got number", path);
        ASSERT_STR(fault.text, want);
        ASSERT_OK(config_file_read(path, 4096, &text, &len));
        ASSERT_STR(text, "{\"log\": 1}");
        free(text);
        remove_folder();
}

TEST_OOM(parsing)
{
        static const char text[] =
                "{\"apps\": {\"a\": {\"server\": \"embedded:\", \"appKey\": \"k\"}, \"b\": {}},"
                " \"consent\": {\"programs\": {\"x\": \"allow\"}}, \"embedded\": {\"listen\": \"127.0.0.1:1\"},"
                " \"ice\": {\"servers\": [{\"urls\": [\"turn:t\"], \"username\": \"u\", \"credential\": \"c\"}]}}";
        struct config_fault fault;
        struct config *c = NULL;
        int r = config_parse(text, sizeof(text) - 1, "f", &c, &fault);

        config_free(c);
        return r;
}

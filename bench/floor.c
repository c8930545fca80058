/* The floor in C: floor.py line by line, to show that the floor in Python is one.
 *
 *     cc -O2 -pthread -o floor floor.c && ./floor FOLDER PORT
 *
 * A thread for each connection: recv into one buffer of 1 MiB, pwrite. Linux only.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER = 1 << 20 };

static const char *folder;
static atomic_long names;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static long field(const char *head, const char *name, long otherwise) {
    const char *at = strcasestr(head, name);
    return at ? atol(at + strlen(name)) : otherwise;
}

static int open_file(const char *name, int flags) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int file = open(path, flags, 0640);
    if (file < 0) die(path);
    return file;
}

static void write_all(int file, const char *bytes, size_t count, off_t at) {
    while (count) {
        ssize_t done = pwrite(file, bytes, count, at);
        if (done < 0) die("pwrite");
        bytes += done, count -= done, at += done;
    }
}

/* Take the body that begins at `end`; what follows it becomes the new start of the buffer. */
static long receive(int client, const char *name, char *buffer, size_t *filled, size_t end, long offset,
                    long length) {
    long early = (long)(*filled - end) < length ? (long)(*filled - end) : length;
    int file = length ? open_file(name, O_WRONLY) : -1;
    if (early) write_all(file, buffer + end, early, offset);
    *filled -= end + early;
    memmove(buffer, buffer + end + early, *filled);
    for (long done = early; done < length;) {
        size_t most = length - done < BUFFER ? length - done : BUFFER;
        ssize_t count = recv(client, buffer, most, 0);
        if (count <= 0) die("recv");
        write_all(file, buffer, count, offset + done);
        done += count;
    }
    if (file >= 0) close(file);
    return offset + length;
}

static void answer(int client, char *head, char *buffer, size_t *filled, size_t end) {
    char method[16], target[1024], out[512];
    if (sscanf(head, "%15s %1023s", method, target) != 2) return;
    const char *slash = strrchr(target, '/');
    const char *name = slash ? slash + 1 : target;
    long length = field(head, "\r\ncontent-length:", 0);
    if (!strcmp(method, "POST")) {
        char fresh[32];
        snprintf(fresh, sizeof fresh, "%ld", atomic_fetch_add(&names, 1));
        close(open_file(fresh, O_CREAT | O_EXCL | O_WRONLY));
        long offset = receive(client, fresh, buffer, filled, end, 0, length);
        snprintf(out, sizeof out,
                 "HTTP/1.1 201 Created\r\nLocation: /files/%s\r\nUpload-Offset: %ld\r\n"
                 "Tus-Resumable: 1.0.0\r\nContent-Length: 0\r\n\r\n", fresh, offset);
    } else if (!strcmp(method, "PATCH")) {
        long at = field(head, "\r\nupload-offset:", 0);
        long offset = receive(client, name, buffer, filled, end, at, length);
        snprintf(out, sizeof out,
                 "HTTP/1.1 204 No Content\r\nUpload-Offset: %ld\r\nTus-Resumable: 1.0.0\r\n\r\n", offset);
    } else {
        receive(client, name, buffer, filled, end, 0, 0);
        snprintf(out, sizeof out, "HTTP/1.1 204 No Content\r\nTus-Resumable: 1.0.0\r\n\r\n");
    }
    if (send(client, out, strlen(out), MSG_NOSIGNAL) < 0) return;
}

static void *serve(void *argument) {
    int client = (int)(long)argument;
    char *buffer = malloc(BUFFER), head[16384];
    size_t filled = 0;
    for (;;) {
        char *found;
        while (!(found = memmem(buffer, filled, "\r\n\r\n", 4))) {
            ssize_t count = recv(client, buffer + filled, BUFFER - filled, 0);
            if (count <= 0) goto left;
            filled += count;
        }
        size_t end = found + 4 - buffer;
        if (end >= sizeof head) goto left;
        memcpy(head, buffer, end);
        head[end] = 0;
        answer(client, head, buffer, &filled, end);
    }
left:
    close(client);
    free(buffer);
    return NULL;
}

int main(int count, char **words) {
    if (count != 3) return 2;
    folder = words[1];
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(words[2])),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address)) die("bind");
    if (listen(listener, 1024)) die("listen");
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client < 0) die("accept");
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        pthread_t thread;
        if (pthread_create(&thread, NULL, serve, (void *)(long)client)) die("pthread_create");
        pthread_detach(thread);
    }
}

/*
 * Disturbs routes that somebody else looks after, and times how long they stay wrong.
 *
 *   disturb-routes COUNT ROUTES IFINDEX [heal]
 *
 * COUNT times, in turn, it deletes a route or leads it to a gateway that is not its own, as ip(8) would by hand. The
 * clock runs from just before the request until another socket of this process hears from the kernel that the route
 * stands there again as it should: gateway, mark and all. Prints a line `delete NANOSECONDS` or `change NANOSECONDS` for
 * each, -1 for one that did not come back within five seconds. With `heal` a second process puts the routes back with
 * nothing but a blocking recv and one message: the yardstick.
 *
 * Routes are j from 2 to ROUTES + 1: 10.x.y.0/24 via 172.16.x.y with protocol 70.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { OURS = 70, BY_HAND = 3 /* RTPROT_BOOT, ip(8)'s own */, GIVE_UP_MS = 5000 };
static const uint32_t WRONG_GATEWAY = 0xac1ffffe; /* 172.31.255.254 */
static uint32_t ifindex;

static uint32_t dst_of(uint32_t j) { return 0x0a000000u + (j << 8); }
static uint32_t gateway_of(uint32_t j) { return 0xac100000u + j; }

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int open_socket(uint32_t groups, uint32_t *port) {
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    struct sockaddr_nl self = {.nl_family = AF_NETLINK, .nl_groups = groups};
    socklen_t length = sizeof self;
    if (fd < 0 || bind(fd, (struct sockaddr *)&self, sizeof self) || getsockname(fd, (struct sockaddr *)&self, &length)) {
        perror("netlink");
        exit(1);
    }
    if (port) *port = self.nl_pid;
    return fd;
}

static char *put_u32(char *at, uint16_t type, uint32_t value) {
    struct rtattr *attribute = (struct rtattr *)at;
    attribute->rta_type = type;
    attribute->rta_len = RTA_LENGTH(4);
    memcpy(RTA_DATA(attribute), &value, 4);
    return at + RTA_SPACE(4);
}

/* The kernel carries the request out before send() returns. */
static void request(int fd, int type, uint32_t j, uint32_t gateway, int protocol) {
    char bytes[256] = {0};
    struct nlmsghdr *header = (struct nlmsghdr *)bytes;
    struct rtmsg *route = NLMSG_DATA(header);
    header->nlmsg_type = type;
    header->nlmsg_flags = NLM_F_REQUEST | (type == RTM_NEWROUTE ? NLM_F_CREATE | NLM_F_REPLACE : 0);
    *route = (struct rtmsg){.rtm_family = AF_INET, .rtm_dst_len = 24, .rtm_table = RT_TABLE_MAIN};
    char *end = put_u32(bytes + NLMSG_SPACE(sizeof *route), RTA_DST, htonl(dst_of(j)));
    if (type == RTM_NEWROUTE) {
        route->rtm_protocol = protocol;
        route->rtm_type = RTN_UNICAST;
        end = put_u32(end, RTA_GATEWAY, htonl(gateway));
        end = put_u32(end, RTA_OIF, ifindex);
    } else {
        route->rtm_scope = RT_SCOPE_NOWHERE;
    }
    header->nlmsg_len = end - bytes;
    if (send(fd, bytes, header->nlmsg_len, 0) < 0) {
        perror("send");
        exit(1);
    }
}

struct news {
    int type;
    uint32_t port, j, gateway, oif;
    int protocol;
};

/* The next event about one of the routes; 0 when none came within the time. */
static int next(int fd, int64_t until, struct news *news) {
    static char bytes[1 << 16];
    static int left;
    static struct nlmsghdr *at;
    for (;;) {
        if (!at || !NLMSG_OK(at, (unsigned)left)) {
            int wait_ms = until < 0 ? -1 : (int)((until - now_ns()) / 1000000);
            struct pollfd ready = {.fd = fd, .events = POLLIN};
            if (until >= 0 && wait_ms <= 0) return 0;
            if (poll(&ready, 1, wait_ms) <= 0) continue;
            left = recv(fd, bytes, sizeof bytes, 0);
            if (left < 0) {
                if (errno == EINTR) continue;
                perror("recv");
                exit(1);
            }
            at = (struct nlmsghdr *)bytes;
            continue;
        }
        struct nlmsghdr *header = at;
        at = NLMSG_NEXT(at, left);
        if (header->nlmsg_type != RTM_NEWROUTE && header->nlmsg_type != RTM_DELROUTE) continue;
        struct rtmsg *route = NLMSG_DATA(header);
        if (route->rtm_table != RT_TABLE_MAIN || route->rtm_dst_len != 24) continue;
        *news = (struct news){.type = header->nlmsg_type, .port = header->nlmsg_pid, .protocol = route->rtm_protocol};
        int length = RTM_PAYLOAD(header);
        for (struct rtattr *a = RTM_RTA(route); RTA_OK(a, length); a = RTA_NEXT(a, length)) {
            uint32_t value;
            if (RTA_PAYLOAD(a) != 4) continue;
            memcpy(&value, RTA_DATA(a), 4);
            if (a->rta_type == RTA_DST) news->j = (ntohl(value) - 0x0a000000u) >> 8;
            if (a->rta_type == RTA_GATEWAY) news->gateway = ntohl(value);
            if (a->rta_type == RTA_OIF) news->oif = value;
        }
        return 1;
    }
}

static int is_right(const struct news *n) {
    return n->type == RTM_NEWROUTE && n->gateway == gateway_of(n->j) && n->oif == ifindex && n->protocol == OURS;
}

static void heal(void) {
    uint32_t port;
    int monitor = open_socket(RTMGRP_IPV4_ROUTE, NULL), command = open_socket(0, &port);
    struct news news;
    while (next(monitor, -1, &news))
        if (news.port != port && !is_right(&news)) request(command, RTM_NEWROUTE, news.j, gateway_of(news.j), OURS);
}

int main(int argc, char **argv) {
    if (argc < 4) return 64;
    int count = atoi(argv[1]);
    uint32_t routes = atoi(argv[2]);
    ifindex = atoi(argv[3]);
    if (argc > 4 && fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        heal();
    }
    int monitor = open_socket(RTMGRP_IPV4_ROUTE, NULL), command = open_socket(0, NULL);
    usleep(200000);
    srand(7);
    for (int i = 0; i < count; i++) {
        /* Apart by chance, so that some come while the last repair is hardly over. */
        usleep(5000 + rand() % 40000);
        uint32_t j = 2 + (uint32_t)rand() % routes;
        const char *what = i % 2 ? "change" : "delete";
        struct news news = {0};
        int64_t start = now_ns(), until = start + GIVE_UP_MS * 1000000LL;
        request(command, i % 2 ? RTM_NEWROUTE : RTM_DELROUTE, j, WRONG_GATEWAY, BY_HAND);
        int found = 0;
        while (!found && next(monitor, until, &news)) found = news.j == j && is_right(&news);
        printf("%s %lld\n", what, found ? (long long)(now_ns() - start) : -1LL);
    }
    return 0;
}

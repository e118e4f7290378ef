/*
 * The yardstick for programming routes: what a plain C program reaches that builds RTM_NEWROUTE messages, sends them a
 * hundred or so at a time, asks for an acknowledgement of the last one only, and reads every answer.
 *
 *   program-routes COUNT PER_SEND GATEWAY IFINDEX PROTOCOL
 *
 * adds COUNT /28 routes from 10.0.0.0 on to the main table of the namespace that it runs in, and prints the nanoseconds
 * that took and how many failed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static char out[1 << 20], in[1 << 16];

static char *put_u32(char *at, uint16_t type, uint32_t value) {
    struct rtattr *attribute = (struct rtattr *)at;
    attribute->rta_type = type;
    attribute->rta_len = RTA_LENGTH(4);
    memcpy(RTA_DATA(attribute), &value, 4);
    return at + RTA_SPACE(4);
}

static char *put_route(char *at, uint32_t seq, int ack, uint32_t dst, uint32_t gateway, uint32_t ifindex, int protocol) {
    struct nlmsghdr *header = (struct nlmsghdr *)at;
    struct rtmsg *route = NLMSG_DATA(header);
    memset(at, 0, NLMSG_SPACE(sizeof *route));
    header->nlmsg_type = RTM_NEWROUTE;
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | (ack ? NLM_F_ACK : 0);
    header->nlmsg_seq = seq;
    route->rtm_family = AF_INET;
    route->rtm_dst_len = 28;
    route->rtm_table = RT_TABLE_MAIN;
    route->rtm_protocol = protocol;
    route->rtm_type = RTN_UNICAST;
    char *end = at + NLMSG_SPACE(sizeof *route);
    end = put_u32(end, RTA_TABLE, RT_TABLE_MAIN);
    end = put_u32(end, RTA_DST, htonl(dst));
    end = put_u32(end, RTA_GATEWAY, gateway);
    end = put_u32(end, RTA_OIF, ifindex);
    header->nlmsg_len = end - at;
    return end;
}

/* Reads answers until the one with `last` arrives; returns how many were errors. */
static int drain(int fd, uint32_t last) {
    int failed = 0;
    for (;;) {
        int length = recv(fd, in, sizeof in, 0);
        if (length < 0) {
            if (errno == EINTR) continue;
            perror("recv");
            exit(1);
        }
        for (struct nlmsghdr *h = (struct nlmsghdr *)in; NLMSG_OK(h, (unsigned)length); h = NLMSG_NEXT(h, length)) {
            if (h->nlmsg_type != NLMSG_ERROR) continue;
            if (((struct nlmsgerr *)NLMSG_DATA(h))->error != 0) failed++;
            if (h->nlmsg_seq == last) return failed;
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 6) return 2;
    int count = atoi(argv[1]), per_send = atoi(argv[2]), protocol = atoi(argv[5]);
    uint32_t ifindex = atoi(argv[4]), gateway;
    if (inet_pton(AF_INET, argv[3], &gateway) != 1) return 2;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), one = 1, room = 1 << 20;
    struct sockaddr_nl self = {.nl_family = AF_NETLINK};
    if (fd < 0 || bind(fd, (struct sockaddr *)&self, sizeof self) != 0) return 1;
    setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one);
    setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);

    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    int failed = 0;
    for (int done = 0; done < count;) {
        int batch = count - done < per_send ? count - done : per_send;
        char *at = out;
        for (int i = 0; i < batch; i++) {
            uint32_t dst = 0x0a000000u + (uint32_t)(done + i) * 16;
            at = put_route(at, done + i + 1, i == batch - 1, dst, gateway, ifindex, protocol);
        }
        if (send(fd, out, at - out, 0) < 0) {
            perror("send");
            return 1;
        }
        done += batch;
        failed += drain(fd, done);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%lld %d\n", (end.tv_sec - start.tv_sec) * 1000000000LL + (end.tv_nsec - start.tv_nsec), failed);
    return 0;
}
